import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import numpy as np
import pytest
from pydantic import ValidationError

from fathom.core.config import Environment
from fathom.core.errors import ModelFault, ModelRequestError
from fathom.corpus.encoders import EncoderConfig, EndpointEncoder, load_encoder


class EmbeddingServer(ThreadingHTTPServer):
    """Answers `/v1/embeddings` with (length of the text, 1), rows in reverse, or with `status` or `body` if set."""

    status, body = 200, ""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.asked: list[list[str]] = []

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}/v1"


class _Handler(BaseHTTPRequestHandler):
    server: EmbeddingServer

    def do_POST(self) -> None:
        texts = json.loads(self.rfile.read(int(self.headers["Content-Length"])))["input"]
        self.server.asked.append(texts)
        rows = [
            {"object": "embedding", "index": place, "embedding": [float(len(text)), 1.0]}
            for place, text in enumerate(texts)
        ]
        reply = self.server.body or json.dumps({"object": "list", "model": "m", "data": rows[::-1]})
        self.send_response(self.server.status)
        self.send_header("Content-Type", "application/json")
        self.end_headers()
        self.wfile.write(reply.encode())

    def log_message(self, format: str, *args: object) -> None:
        return None


@pytest.fixture
def server() -> Iterator[EmbeddingServer]:
    with EmbeddingServer() as running:
        threading.Thread(target=running.serve_forever, daemon=True).start()
        yield running
        running.shutdown()


def _encoder(server: EmbeddingServer) -> EndpointEncoder:
    return EndpointEncoder(EncoderConfig(kind="endpoint", url=server.url, model="m"), retries=0)


def test_an_endpoint_gives_unit_rows_in_the_order_of_the_texts(server: EmbeddingServer) -> None:
    encoder = _encoder(server)
    vectors = encoder.encode(["a" * length for length in range(1, 131)])
    assert vectors.shape == (130, 2) and vectors.dtype == np.float32
    assert np.allclose(np.linalg.norm(vectors, axis=1), 1.0, atol=1e-6)
    assert np.allclose(vectors[:, 0] / vectors[:, 1], range(1, 131), rtol=1e-5)
    assert [len(texts) for texts in server.asked] == [64, 64, 2]
    assert encoder.dim == 2


@pytest.mark.parametrize(
    "body", ['{"data": []}', "{}", '{"data": [{"index": 0, "embedding": [NaN, 1]}]}', "<html>", '{"data": null}']
)
def test_a_reply_that_is_no_set_of_vectors_is_a_fault(server: EmbeddingServer, body: str) -> None:
    server.body = body
    with pytest.raises(ModelFault, match="embeddings of m"):
        _encoder(server).encode(["text"])


@pytest.mark.parametrize(("status", "error"), [(401, ModelRequestError), (404, ModelRequestError), (503, ModelFault)])
def test_statuses_tell_who_should_act(server: EmbeddingServer, status: int, error: type[Exception]) -> None:
    server.status = status
    with pytest.raises(error, match=f"HTTP {status}"):
        _encoder(server).encode(["text"])


def test_a_server_that_is_not_there_is_a_fault() -> None:
    config = EncoderConfig(kind="endpoint", url="http://127.0.0.1:1/v1", model="m")
    with pytest.raises(ModelFault, match="embeddings of m"):
        EndpointEncoder(config, retries=0).encode(["text"])


def test_an_endpoint_needs_an_address_and_a_name() -> None:
    with pytest.raises(ValidationError, match="needs url and model"):
        EncoderConfig(kind="endpoint")


def test_minilm_puts_like_beside_like(fathom_home: Path) -> None:
    encoder = load_encoder(EncoderConfig(kind="minilm"), Environment(home=fathom_home))
    texts = ["The cat sleeps on the sofa.", "A kitten is napping on the couch.", "Interest rates rose by half a point."]
    vectors = encoder.encode(texts)
    assert vectors.shape == (3, encoder.dim)
    near, far = float(vectors[0] @ vectors[1]), float(vectors[0] @ vectors[2])
    assert near > 0.5 and far < 0.15
    assert np.array_equal(encoder.encode(texts[1:2])[0], vectors[1])
