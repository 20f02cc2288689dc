"""Sentences to vectors by a small BERT, in numpy: what sentence-transformers computes, without the seconds that it and
torch take to load.

The network is that of Devlin et al. 2018, "BERT: Pre-training of Deep Bidirectional Transformers"; a text's vector is
the mean of its tokens', made of length 1 (Reimers & Gurevych 2019, "Sentence-BERT").
"""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from safetensors.numpy import load_file
from threadpoolctl import threadpool_limits
from tokenizers import Tokenizer

Array = NDArray[np.float32]
_ERF = np.array([1.061405429, -1.453152027, 1.421413741, -0.284496736, 0.254829592], np.float32)


@dataclass(frozen=True)
class _Affine:
    """``weight`` is a matrix with a row for each input, or of a norm a factor for each value."""

    weight: Array
    bias: Array


@dataclass(frozen=True)
class _Layer:
    query_key_value: _Affine
    attended: _Affine
    attended_norm: _Affine
    wider: _Affine
    narrower: _Affine
    norm: _Affine


class Bert:
    """Safe to call from several threads."""

    def __init__(self, folder: Path) -> None:
        """``folder`` as sentence-transformers has it, of a BERT whose modules are transformer, mean and length 1."""
        config = json.loads((folder / "config.json").read_bytes())
        self._heads: int = config["num_attention_heads"]
        self._epsilon = np.float32(config["layer_norm_eps"])
        self._tokenizer = Tokenizer.from_file(str(folder / "tokenizer.json"))
        self._tokenizer.no_padding()
        sentences = json.loads((folder / "sentence_bert_config.json").read_bytes())
        self._tokenizer.enable_truncation(sentences["max_seq_length"])
        tensors = load_file(folder / "model.safetensors")
        self._words = tensors["embeddings.word_embeddings.weight"]
        # A single text is all of the first segment.
        segment = tensors["embeddings.token_type_embeddings.weight"][0]
        self._places = tensors["embeddings.position_embeddings.weight"] + segment
        self._norm = _norm(tensors, "embeddings.LayerNorm")
        self._layers = [_layer(tensors, f"encoder.layer.{number}") for number in range(config["num_hidden_layers"])]
        # Threads for a few texts only wait for one another, and burn time when the machine is busy. Once and for good:
        # others may be computing when a limit that stood around each is lifted.
        threadpool_limits(limits=1, user_api="blas")

    def embed(self, texts: Sequence[str]) -> Array:
        """Shape ``(len(texts), dimension)``, each row of length 1. The tokens of all go through the network in one
        matrix, without padding: reading the weights takes as long as a few dozen tokens."""
        ids = [self._tokenizer.encode(text).ids for text in texts]
        ends = np.cumsum([len(one) for one in ids])[:-1]
        places = np.concatenate([self._places[: len(one)] for one in ids])
        states = self._normed(self._words[np.concatenate(ids)] + places, self._norm)
        for layer in self._layers:
            mixed = np.split(_through(states, layer.query_key_value), ends)
            attended = _through(np.concatenate([self._attention(one) for one in mixed]), layer.attended)
            states = self._normed(states + attended, layer.attended_norm)
            changed = _through(_gelu(_through(states, layer.wider)), layer.narrower)
            states = self._normed(states + changed, layer.norm)
        vectors = np.stack([one.mean(axis=0) for one in np.split(states, ends)])
        return np.asarray(vectors / np.linalg.norm(vectors, axis=1, keepdims=True), np.float32)

    def _attention(self, mixed: Array) -> Array:
        """``softmax(Q Kᵀ / √d) V`` of one text, each head by itself."""
        count = len(mixed)
        query, key, value = mixed.reshape(count, 3, self._heads, -1).transpose(1, 2, 0, 3)
        near = query @ key.transpose(0, 2, 1) / np.float32(np.sqrt(query.shape[-1]))
        shares = np.exp(near - near.max(axis=-1, keepdims=True))
        shares /= shares.sum(axis=-1, keepdims=True)
        return np.asarray((shares @ value).transpose(1, 0, 2).reshape(count, -1), np.float32)

    def _normed(self, states: Array, norm: _Affine) -> Array:
        centred = states - states.mean(axis=-1, keepdims=True)
        spread = np.sqrt(np.square(centred).mean(axis=-1, keepdims=True) + self._epsilon)
        return np.asarray(centred / spread * norm.weight + norm.bias, np.float32)


def _through(states: Array, affine: _Affine) -> Array:
    return states @ affine.weight + affine.bias


def _gelu(states: Array) -> Array:
    """``x (1 + erf(x / √2)) / 2``, with the error function of Abramowitz & Stegun 7.1.26, which is right to 1.5e-7:
    scipy's takes longer to load than all else here."""
    size = np.abs(states) * np.float32(np.sqrt(0.5))
    inverse = 1 / (1 + np.float32(0.3275911) * size)
    within = np.zeros_like(size)
    for power in _ERF:
        within += power
        within *= inverse
    within *= np.exp(-np.square(size))
    return np.asarray(states * (1 + np.copysign(1 - within, states)) / 2, np.float32)


def _layer(tensors: dict[str, Array], name: str) -> _Layer:
    return _Layer(
        query_key_value=_affine(tensors, *(f"{name}.attention.self.{part}" for part in ("query", "key", "value"))),
        attended=_affine(tensors, f"{name}.attention.output.dense"),
        attended_norm=_norm(tensors, f"{name}.attention.output.LayerNorm"),
        wider=_affine(tensors, f"{name}.intermediate.dense"),
        narrower=_affine(tensors, f"{name}.output.dense"),
        norm=_norm(tensors, f"{name}.output.LayerNorm"),
    )


def _affine(tensors: dict[str, Array], *names: str) -> _Affine:
    """Several of one input, side by side. Copied so that rows are inputs, by which numpy multiplies a third faster."""
    weight = np.concatenate([tensors[f"{name}.weight"] for name in names]).T
    return _Affine(np.ascontiguousarray(weight), np.concatenate([tensors[f"{name}.bias"] for name in names]))


def _norm(tensors: dict[str, Array], name: str) -> _Affine:
    return _Affine(tensors[f"{name}.weight"], tensors[f"{name}.bias"])
