# SPDX-License-Identifier: Apache-2.0
"""The three engines behind one interface. Each runs on one thread.

bind(ids) prepares an input and returns the call to be timed. That call does inference only: its
inputs and outputs are bound beforehand, so no engine pays for copies or for Python objects.
logits() returns what the last such call has computed.
"""

from __future__ import annotations

import ctypes
import os
import sys
# This import is not from `typing`, whose loading would count in the start time.
from collections.abc import Callable, Sequence

# The Python package describes distil.h for ctypes in a module of its own, which loads nothing else.
sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)),
                                "../../runtime/python/distil"))
import _abi

Run = Callable[[], object]


class Engine:
    version: str
    detail: str  # what the engine has chosen by itself, for the record

    def bind(self, ids: Sequence[int]) -> Run:
        raise NotImplementedError

    def logits(self) -> list[float]:
        raise NotImplementedError


class Distil(Engine):
    """This library through ctypes."""

    def __init__(self, library: str, blob: str, isa: str = "best") -> None:
        self._lib = lib = _abi.load(library)
        self.version = lib.distil_version().decode()
        self._model = self._open(blob, isa)
        self._context = ctypes.c_void_p()
        self._check(lib.distil_context_new(ctypes.byref(self._context), self._model, None, None))
        self.info = info = _abi.Info()
        self._check(lib.distil_model_get_info(self._model, ctypes.byref(info)))
        self.detail = lib.distil_isa_name(info.isa).decode()
        self._result = _abi.Result()
        self._logits = (ctypes.c_float * info.n_labels)()
        self._scores = _abi.Scores(logits=ctypes.addressof(self._logits), probabilities=None)

    def _check(self, status: int) -> None:
        if status != 0:
            raise RuntimeError(self._lib.distil_status_str(status).decode())

    def _open(self, blob: str, isa: str) -> ctypes.c_void_p:
        level = ctypes.c_int()
        if self._lib.distil_isa_parse(ctypes.byref(level), isa.encode()) != 0:
            raise ValueError(f"{isa}: no such level")
        options = _abi.Options(max_isa=level.value, exact_isa=int(isa != "best"))
        model, error = ctypes.c_void_p(), _abi.ErrorDetails()
        status = self._lib.distil_model_open(
            ctypes.byref(model), os.fsencode(blob), ctypes.byref(options), ctypes.byref(error)
        )
        if status != 0:
            raise RuntimeError(f"{blob}: {error.message.decode()}")
        return model

    def bind(self, ids: Sequence[int]) -> Run:
        classify, check = self._lib.distil_classify_ids, self._check
        count = ctypes.c_size_t(len(ids))
        array = (ctypes.c_int32 * len(ids))(*ids)
        result, scores = ctypes.byref(self._result), ctypes.byref(self._scores)
        return lambda: check(classify(self._context, result, scores, array, count))

    def logits(self) -> list[float]:
        return list(self._logits)

    def label(self, text: bytes) -> str:
        """The label of a text, which the library tokenizes."""
        size = ctypes.c_size_t(len(text))
        result = ctypes.byref(self._result)
        self._check(
            self._lib.distil_classify(self._context, result, None, text, size, ctypes.c_uint32(0))
        )
        return self._lib.distil_model_label(self._model, self._result.label).decode()


class OnnxRuntime(Engine):
    def __init__(self, path: str) -> None:
        import onnxruntime

        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = 1
        options.inter_op_num_threads = 1
        options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_ENABLE_ALL
        options.log_severity_level = 3
        self.version = onnxruntime.__version__
        self.detail = "MatMulInteger, u8 x s8"
        self._session = onnxruntime.InferenceSession(
            path, options, providers=["CPUExecutionProvider"]
        )
        self._binding = self._session.io_binding()

    def bind(self, ids: Sequence[int]) -> Run:
        import numpy

        session, binding = self._session, self._binding
        binding.bind_cpu_input("ids", numpy.array([ids], numpy.int64))
        binding.bind_output("logits")
        return lambda: session.run_with_iobinding(binding)

    def logits(self) -> list[float]:
        return self._binding.copy_outputs_to_cpu()[0][0].tolist()


class OpenVino(Engine):
    def __init__(self, path: str) -> None:
        import openvino

        self.version = openvino.__version__.split("-")[0]
        self._tensor = openvino.Tensor
        compiled = openvino.Core().compile_model(
            path,
            "CPU",
            {"INFERENCE_NUM_THREADS": 1, "NUM_STREAMS": 1, "PERFORMANCE_HINT": "LATENCY"},
        )
        self.detail = f"rest in {compiled.get_property('INFERENCE_PRECISION_HINT').to_string()}"
        self._request = compiled.create_infer_request()

    def bind(self, ids: Sequence[int]) -> Run:
        import numpy

        self._request.set_input_tensor(self._tensor(numpy.array([ids], numpy.int64)))
        return self._request.infer

    def logits(self) -> list[float]:
        return self._request.get_output_tensor().data[0].tolist()


def load(name: str, path: str, library: str = "", isa: str = "best") -> Engine:
    if name == "distil":
        return Distil(library, path, isa)
    return {"onnxruntime": OnnxRuntime, "openvino": OpenVino}[name](path)
