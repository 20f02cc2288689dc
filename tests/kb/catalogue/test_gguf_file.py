"""Headers of GGUF files: whole, split, missing, cut short and other things."""

import os
import random
import re
import struct
import time
from dataclasses import replace
from pathlib import Path

import gguf
import numpy as np
import pytest

from kb.calc.memory.architecture import Attention, Experts, LatentAttention, LinearAttention
from kb.catalogue.gguf_header import read_header
from kb.errors import UnreadableModel
from kb.tools.model_file import read_gguf
from tests.make_gguf import make_gguf


def test_reads_architecture_and_every_tensor(real_shapes, write_gguf, tmp_path) -> None:
    model = read_gguf(write_gguf(tmp_path / "gpt-oss.gguf", real_shapes["gpt-oss-20b"]))
    architecture = model.architecture
    assert architecture.experts == Experts(32, 4, 2880)
    assert [layer.mixer for layer in architecture.layers] == [Attention(8, 64, 128), Attention(8, 64)] * 12
    assert architecture.params_total == 20914757184
    assert 3.5e9 < architecture.params_active < 4.3e9
    assert model.quantization == "MXFP4"
    weights = model.weights
    assert weights.total_bytes == weights.embedding_bytes + weights.output_bytes + sum(weights.layer_bytes)
    assert sum(weights.expert_bytes) > 0.8 * weights.total_bytes


def test_a_tied_head_is_counted_once_in_the_file(real_shapes, write_gguf, tmp_path) -> None:
    model = read_gguf(write_gguf(tmp_path / "small.gguf", real_shapes["Llama 3.2 1B"]))
    assert model.architecture.tie_word_embeddings
    assert model.weights.output_bytes == model.weights.embedding_bytes + 2048 * 4
    assert model.weights.total_bytes == model.weights.embedding_bytes + 2048 * 4 + sum(model.weights.layer_bytes)


def test_hybrid_and_latent_shapes(real_shapes, write_gguf, tmp_path) -> None:
    hybrid = read_gguf(write_gguf(tmp_path / "hybrid.gguf", real_shapes["Qwen3-Next 80B-A3B"])).architecture
    state = LinearAttention(4 * (3 * 8192 + 128 * 4096))
    assert [layer.mixer for layer in hybrid.layers] == [state, state, state, Attention(2, 256)] * 12
    latent = read_gguf(write_gguf(tmp_path / "latent.gguf", real_shapes["DeepSeek-R1"])).architecture
    assert {layer.mixer for layer in latent.layers} == {LatentAttention(512, 1536, 64, 128, 128)}


def test_an_architecture_that_is_not_known_is_refused_with_the_nearest(real_shapes, write_gguf, tmp_path) -> None:
    path = write_gguf(tmp_path / "mamba.gguf", replace(real_shapes["Llama 3.2 1B"], arch="gemma5n"))
    with pytest.raises(
        UnreadableModel, match=r"mamba\.gguf: general\.architecture 'gemma5n' is not known.*gemma3n, .*by hand"
    ):
        read_gguf(path)


def write_part(path: Path, number: int, count: int, names: list[str]) -> Path:
    writer = gguf.GGUFWriter(path, "llama")
    if number == 0:
        writer.add_block_count(1)
        writer.add_embedding_length(256)
        writer.add_head_count(4)
        writer.add_vocab_size(512)
        writer.add_file_type(gguf.LlamaFileType.MOSTLY_Q8_0)
    writer.add_uint16("split.no", number)
    writer.add_uint16("split.count", count)
    for name in names:
        writer.add_tensor(name, np.zeros((512, 256), dtype=np.float32))
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    return path


def test_split_files_are_read_together_whichever_is_named(tmp_path) -> None:
    first = write_part(tmp_path / "m-00001-of-00002.gguf", 0, 2, ["token_embd.weight", "output.weight"])
    second = write_part(tmp_path / "m-00002-of-00002.gguf", 1, 2, ["blk.0.ffn_up.weight"])
    for named in (first, second):
        model = read_gguf(named)
        assert model.weights.layer_bytes == (512 * 256 * 4,)
        assert model.weights.total_bytes == 3 * 512 * 256 * 4
        assert model.quantization == "Q8_0"
    second.unlink()
    with pytest.raises(UnreadableModel, match=re.escape("m-00002-of-00002.gguf: there is no such file")):
        read_gguf(first)


@pytest.mark.parametrize("kept", [4, 20, 300, 5000])
def test_a_file_cut_short_is_named(kept, real_shapes, write_gguf, tmp_path) -> None:
    path = write_gguf(tmp_path / "cut.gguf", replace(real_shapes["Llama 3.2 1B"], layers=16))
    os.truncate(path, kept)
    with pytest.raises(UnreadableModel, match=re.escape("cut.gguf")):
        read_gguf(path)


def test_missing_foreign_and_empty_files(tmp_path) -> None:
    with pytest.raises(UnreadableModel, match=re.escape("nowhere.gguf: there is no such file")):
        read_gguf(tmp_path / "nowhere.gguf")
    text = tmp_path / "notes.gguf"
    text.write_text("not a model")
    with pytest.raises(UnreadableModel, match=re.escape("notes.gguf: not a GGUF file")):
        read_gguf(text)
    with pytest.raises(UnreadableModel, match="no language model"):
        read_gguf(write_part(tmp_path / "vocabulary.gguf", 1, 1, []))


def claiming(*, tensors: int = 0, keys: int = 1, value: bytes = b"") -> bytes:
    """A file of one key whose value is what a damaged or hostile file may say."""
    return b"GGUF" + struct.pack("<IQQ", 3, tensors, keys) + struct.pack("<Q", 3) + b"a.b" + value


STRING, ARRAY, U8, U64 = 8, 9, 0, 10


@pytest.mark.parametrize(
    "content",
    [
        claiming(value=struct.pack("<IIQ", ARRAY, STRING, 2**40)),
        claiming(value=struct.pack("<IIQQ", ARRAY, STRING, 2**40, 2**64 - 1)),
        claiming(value=struct.pack("<IIQ", ARRAY, U8, 2**33)),
        claiming(value=struct.pack("<IIQ", ARRAY, U64, 2**64 - 1)),
        claiming(value=struct.pack("<IIQ", ARRAY, ARRAY, 2**30)),
        claiming(value=struct.pack("<IQ", STRING, 2**63)),
        claiming(value=struct.pack("<I", 99)),
        claiming(keys=2**60, value=struct.pack("<IB", U8, 1)),
        claiming(tensors=2**60, value=struct.pack("<IB", U8, 1)),
        claiming(value=struct.pack("<IIQ", ARRAY, STRING, 2**40)) + bytes(2**20),
    ],
)
def test_a_count_is_not_believed(content: bytes, tmp_path: Path) -> None:
    path = tmp_path / "giant.gguf"
    path.write_bytes(content)
    began = time.process_time()
    with pytest.raises(UnreadableModel, match=re.escape("giant.gguf: the GGUF file is damaged")):
        read_gguf(path)
    assert time.process_time() - began < 2, "37 s before, and 6 GB"


def test_layers_that_are_not_there_are_not_believed(tmp_path: Path) -> None:
    writer = gguf.GGUFWriter(tmp_path / "layers.gguf", "llama")
    writer.add_block_count(2**32 - 1)
    writer.add_embedding_length(256)
    writer.add_head_count(4)
    writer.add_tensor("token_embd.weight", np.zeros((8, 256), dtype=np.float32))
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    with pytest.raises(UnreadableModel, match="says that it has 4294967295 layers, and has 1 tensors"):
        read_gguf(tmp_path / "layers.gguf")


def test_whatever_is_damaged_is_read_or_refused(tmp_path: Path) -> None:
    whole = make_gguf(tmp_path / "whole.gguf").read_bytes()
    path = tmp_path / "damaged.gguf"
    chance = random.Random(0)
    refused = []
    for _ in range(1500):
        content = bytearray(whole)
        for _ in range(chance.choice([1, 2, 5])):
            content[chance.randrange(4, chance.choice([700, 9000]))] = chance.choice([0, 1, 255, chance.randrange(256)])
        path.write_bytes(content)
        try:
            read_gguf(path)
        except UnreadableModel as error:
            refused.append(str(error))
    assert len(refused) > 500
    assert all(str(path) in says for says in refused)


@pytest.mark.parametrize("order", [gguf.GGUFEndian.LITTLE, gguf.GGUFEndian.BIG])
def test_a_large_vocabulary_is_passed_over_quickly(order: gguf.GGUFEndian, tmp_path: Path) -> None:
    writer = gguf.GGUFWriter(tmp_path / "words.gguf", "llama", endianess=order)
    writer.add_block_count(1)
    writer.add_embedding_length(64)
    writer.add_head_count(1)
    writer.add_token_list([f"token{number}".encode() for number in range(150_000)])
    writer.add_token_scores([0.0] * 150_000)
    writer.add_tensor("token_embd.weight", np.zeros((8, 64), dtype=np.float32))
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    began = time.process_time()
    assert read_gguf(tmp_path / "words.gguf").architecture.vocab_size == 150_000
    assert time.process_time() - began < 1, "6 s before"


def test_a_header_is_read_as_the_librarys_own_reader_reads_it(real_shapes, write_gguf, tmp_path) -> None:
    for name, shape in real_shapes.items():
        path = write_gguf(tmp_path / "model.gguf", shape)
        header, oracle = read_header(path), gguf.GGUFReader(path)
        theirs = [(t.name, t.tensor_type.name, int(t.n_elements), int(t.n_bytes)) for t in oracle.tensors]
        assert [(t.name, t.type_name, t.elements, t.bytes) for t in header.tensors] == theirs, name
        fields = {key: field.contents() for key, field in oracle.fields.items() if not key.startswith("GGUF.")}
        assert header.keys == fields, name
