# SPDX-License-Identifier: Apache-2.0
"""Writes the files of tests/data/torch with the real PyTorch.

    make_torch_files.py [DIRECTORY]     (default: tests/data/torch)

The files test the reader of pytorch_model.bin: state dictionaries as different versions and options
of torch.save write them, and files that are no state dictionary of a model and must be refused.
values.json holds the elements of every tensor of the files that are read, as Python prints floats,
and what the others are refused for is in tests/convert/test_torch.c.

Tried with torch 2.15.0. The same version of torch writes the same bytes, but for legacy.bin and
whole_module.bin, which hold addresses of Python objects.
"""

import collections
import json
import pathlib
import sys

import torch

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent


def plain() -> collections.OrderedDict:
    """Every element type that a checkpoint of DistilBERT may have, a scalar and an empty tensor."""
    state = collections.OrderedDict()
    state["float32"] = torch.arange(12, dtype=torch.float32).reshape(3, 4) / 7
    state["float16"] = torch.tensor([[1.5, -0.25], [65504.0, 6e-8]], dtype=torch.float16)
    state["bfloat16"] = torch.tensor([3.140625, -1e30], dtype=torch.bfloat16)
    state["float64"] = torch.tensor([0.1, -2.5], dtype=torch.float64)
    state["position_ids"] = torch.arange(3).unsqueeze(0)
    state["scalar"] = torch.tensor(4.25)
    state["empty"] = torch.zeros((0, 3))
    return state


class Small(torch.nn.Module):
    """A model with a parameter, a buffer and tied weights; its state_dict has _metadata."""

    def __init__(self) -> None:
        super().__init__()
        self.first = torch.nn.Linear(2, 3)
        self.second = torch.nn.Linear(2, 3)
        self.second.weight = self.first.weight
        self.register_buffer("counts", torch.tensor([5.0, 6.0]))
        with torch.no_grad():
            self.first.weight.copy_(torch.arange(6.0).reshape(3, 2))
            self.first.bias.copy_(torch.tensor([0.5, 0.25, 0.125]))
            self.second.bias.copy_(torch.tensor([1.0, 2.0, 3.0]))


def views() -> dict:
    """Contiguous views that share one storage: rows of a larger tensor."""
    whole = torch.arange(20.0).reshape(5, 4)
    return {"head": whole[0:2], "tail": whole[3:], "row": whole[2]}


def values(state: dict) -> dict:
    return {name: {"dtype": str(tensor.dtype).removeprefix("torch."), "shape": list(tensor.shape),
                   "values": [float(x) for x in tensor.to(torch.float64).flatten()]}
            for name, tensor in state.items()}


def main() -> None:
    out = pathlib.Path(sys.argv[1]) if len(sys.argv) > 1 else ROOT / "tests/data/torch"
    out.mkdir(parents=True, exist_ok=True)
    model = Small()
    good = {"plain": plain(), "module": model.state_dict(), "views": views()}
    for name, state in good.items():
        torch.save(state, out / f"{name}.bin")
    torch.save(plain(), out / "protocol4.bin", pickle_protocol=4)
    torch.save(dict(model.named_parameters()), out / "parameters.bin")
    good["protocol4"] = plain()
    good["parameters"] = {name: p.detach() for name, p in model.named_parameters()}

    torch.save(plain(), out / "legacy.bin", _use_new_zipfile_serialization=False)
    torch.save({"state_dict": plain(), "epoch": 3}, out / "training.bin")
    torch.save({"transposed": torch.arange(6.0).reshape(2, 3).t()}, out / "transposed.bin")
    torch.save(torch.nn.Linear(2, 2), out / "whole_module.bin")
    torch.save([torch.zeros(2)], out / "list.bin")
    torch.save({"complex": torch.zeros(2, dtype=torch.complex64)}, out / "complex.bin")
    text = json.dumps({name: values(state) for name, state in good.items()}, indent=1)
    (out / "values.json").write_text(text + "\n")


if __name__ == "__main__":
    main()
