# SPDX-License-Identifier: Apache-2.0
#
# Builds and checks the container image; the Makefile includes it.
#
# Of another model than the shipped one: MODEL_DIR=, a Hugging Face folder; MODEL_LICENCE=.
# CALIBRATE=, a file of texts: converted as `distil convert --calibrate` does.
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
## image: build/image and image.tar, the function's OCI image; MODEL_DIR=DIR, TLS=openssl
image: $(BUILD)/bootstrap $(BUILD)/distil $(BUILD)/distil-serve $(IMAGE_BLOB) $(ROOTS_PEM)
	$(SAY) "  IMAGE $(BUILD)/image.tar"
	$(Q)tools/image/assemble.sh $(IN_IMAGE) -o $(BUILD)/image
	$(Q)tools/image/describe.sh $(IN_IMAGE) -i $(BUILD)/image -d $(BUILD)/distil \
	    $(addprefix -l ,$(MODEL_LICENCE)) $(if $(OWN_MODEL),,-e tests/data/sst2/dev.tsv)
## check-image: the gate: image, of the same settings, held against every rule and started
check-image: image
	$(Q)tools/image/check_image --distil $(BUILD)/distil \
	    $(if $(OWN_MODEL),,--max-mb 30 --expect positive) $(BUILD)/image.tar
## zip: build/function.zip, the function for the runtime provided.al2023
zip: $(BUILD)/bootstrap $(IMAGE_BLOB) $(ROOTS_PEM)
	$(SAY) "  ZIP   $(BUILD)/function.zip"
	$(Q)tools/image/zip.sh $(IN_IMAGE) -o $(BUILD)/function.zip
