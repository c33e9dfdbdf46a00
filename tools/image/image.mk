# SPDX-License-Identifier: Apache-2.0
#
# Targets that build and check the container image. The Makefile includes this file.
#
# The image contains the shipped model unless MODEL_DIR names another Hugging Face model folder;
# MODEL_LICENCE is then that model's licence, an SPDX expression. CALIBRATE names a file of texts
# for `distil convert --calibrate`. These targets build with TLS; TLS=none leaves it out.
.PHONY: image zip check-image
MODEL_DIR  ?= model/sst2
OWN_MODEL  := $(filter-out model/sst2,$(MODEL_DIR))
CALIBRATE  ?=
IMAGE_BLOB := $(if $(OWN_MODEL)$(CALIBRATE),$(BUILD)/image-model.distil,$(BLOB))
MODEL_LICENCE ?= $(if $(OWN_MODEL),,Apache-2.0)
ROOTS_PEM  := $(if $(filter-out none,$(TLS)),$(BUILD)/roots.pem)
IN_IMAGE   := -b $(BUILD)/bootstrap -m $(IMAGE_BLOB) $(addprefix -c ,$(ROOTS_PEM))
$(BUILD)/image-model.distil: $(BUILD)/distil FORCE
	$(Q)$(BUILD)/distil convert $(MODEL_DIR) $(addprefix --calibrate ,$(CALIBRATE)) -o $@
$(BUILD)/roots.pem: tools/image/roots.sh
	$(Q)tools/image/roots.sh >$@
## image: the function's OCI image, build/image and build/image.tar; MODEL_DIR=DIR, TLS=none
image: $(BUILD)/bootstrap $(BUILD)/distil $(BUILD)/distil-serve $(IMAGE_BLOB) $(ROOTS_PEM)
	$(SAY) "  IMAGE $(BUILD)/image.tar"
	$(Q)tools/image/assemble.sh $(IN_IMAGE) -o $(BUILD)/image
	$(Q)tools/image/describe.sh $(IN_IMAGE) -i $(BUILD)/image -d $(BUILD)/distil \
	    $(addprefix -l ,$(MODEL_LICENCE)) $(if $(OWN_MODEL),,-e tests/data/sst2/dev.tsv)
## check-image: build the image, check it against every rule and start it; settings as for image
check-image: image
	$(Q)tools/image/check_image --distil $(BUILD)/distil --tls $(TLS) \
	    $(if $(OWN_MODEL),,--max-mb 31 --expect positive) $(BUILD)/image.tar
## zip: build/function.zip, the function as a zip for the runtime provided.al2023
zip: $(BUILD)/bootstrap $(IMAGE_BLOB) $(ROOTS_PEM)
	$(SAY) "  ZIP   $(BUILD)/function.zip"
	$(Q)tools/image/zip.sh $(IN_IMAGE) -o $(BUILD)/function.zip
