"""Chat completions of OpenAI, its look-alikes and Azure, against a server on a socket."""

from __future__ import annotations

import pytest

from agentflow.errors import ProviderAuthError, ProviderBadResponse, ProviderUnavailable
from agentflow.llm import Completion, Message, Settings, make_provider, settings_from

from .conftest import KEY, Connect
from .server import serve, sse, status, stream

HELLO = [Message("user", "Hello")]


def delta(text: str | None, reason: str | None = None) -> dict[str, object]:
    return {
        "model": "small-2024",
        "choices": [{"index": 0, "delta": {"content": text}, "finish_reason": reason}],
    }


USAGE = {"choices": [], "usage": {"prompt_tokens": 7, "completion_tokens": 2}}
ANSWER = (delta(None), delta("Good "), delta("day"), delta(None, "stop"), USAGE, "[DONE]")


async def test_answer_is_put_together_with_its_token_counts(connect: Connect) -> None:
    """The deltas make the text, the chunk without a choice brings the token counts."""
    async with serve(stream(sse(*ANSWER))) as server:
        completion = await connect("openai", server.url).complete(HELLO)
    assert completion == Completion("Good day", 7, 2, "small-2024", "stop")


async def test_tokens_are_handed_on_in_order(connect: Connect) -> None:
    """on_token sees every piece that is not empty, in the order of the stream."""
    seen: list[str] = []
    async with serve(stream(sse(*ANSWER))) as server:
        await connect("openai", server.url).complete(HELLO, on_token=seen.append)
    assert seen == ["Good ", "day"]


async def test_request_asks_for_a_stream_with_usage(connect: Connect) -> None:
    """The request has the key, the organization, the options set, and no others."""
    async with serve(stream(sse(*ANSWER))) as server:
        provider = connect(
            "groq", server.url + "/v1/", max_tokens=5, presence_penalty=0.1, organization="org-1"
        )
        await provider.complete(HELLO)
    assert server.request.path == "/v1/chat/completions"
    assert server.request.headers["authorization"] == f"Bearer {KEY}"
    assert server.request.headers["openai-organization"] == "org-1"
    assert server.request.json == {
        "model": "small",
        "messages": [{"role": "user", "content": "Hello"}],
        "stream": True,
        "stream_options": {"include_usage": True},
        "max_tokens": 5,
        "presence_penalty": 0.1,
    }


async def test_azure_names_deployment_and_version_in_its_path(connect: Connect) -> None:
    """Azure gets the key as api-key, and a path with the deployment and the version."""
    async with serve(stream(sse(*ANSWER))) as server:
        provider = connect(
            "azure_openai", server.url, deployment="my gpt", api_version="2024-10-21"
        )
        completion = await provider.complete(HELLO)
    assert completion.text == "Good day"
    assert server.request.path == (
        "/openai/deployments/my%20gpt/chat/completions?api-version=2024-10-21"
    )
    assert server.request.headers["api-key"] == KEY
    assert "authorization" not in server.request.headers


async def test_old_azure_is_not_asked_for_usage(connect: Connect) -> None:
    """API versions that refuse stream_options do not get it."""
    async with serve(stream(sse(delta("Hi", "stop"), "[DONE]"))) as server:
        provider = connect("azure", server.url, api_version="2024-02-15-preview")
        completion = await provider.complete(HELLO)
    assert "stream_options" not in server.request.json
    assert completion == Completion("Hi", 0, 0, "small-2024", "stop")


async def test_comments_and_other_fields_are_skipped(connect: Connect) -> None:
    """Keep-alive comments, event names, ids and CRLF line ends do not disturb."""
    lines = b": working\r\n\r\nevent: message\r\nid: 1\r\nretry: 5\r\ndata:\r\n"
    pieces = [lines, *(event.replace(b"\n", b"\r\n") for event in sse(*ANSWER))]
    async with serve(stream(pieces)) as server:
        completion = await connect("openai", server.url).complete(HELLO)
    assert completion.text == "Good day"


async def test_server_that_cannot_stream_is_understood(connect: Connect) -> None:
    """One JSON object instead of a stream is an answer, handed on as one token."""
    body = {
        "choices": [{"message": {"content": "All at once"}, "finish_reason": "stop"}],
        "usage": {"prompt_tokens": 4, "completion_tokens": 3},
    }
    seen: list[str] = []
    async with serve(status(200, body)) as server:
        completion = await connect("vllm", server.url).complete(HELLO, on_token=seen.append)
    assert completion == Completion("All at once", 4, 3, "small", "stop")
    assert seen == ["All at once"]


async def test_a_reason_to_finish_stands_in_for_done(connect: Connect) -> None:
    """A stream that ends after its finish_reason is whole without [DONE]."""
    async with serve(stream(sse(delta("Hi"), delta(None, "length")))) as server:
        completion = await connect("together", server.url).complete(HELLO)
    assert (completion.text, completion.finish_reason) == ("Hi", "length")


@pytest.mark.parametrize(
    "pieces",
    [
        sse("[DONE]"),
        sse({"choices": [{"delta": {"content": 5}}]}, "[DONE]"),
        sse({"choices": "none"}, "[DONE]"),
        sse({"id": "x"}, "[DONE]"),
        [*sse(delta("Hi")), b"and then something else\n"],
        [b'{"choices": [{"finish_reason": "stop"}]}'],
        [b'{"choices": []}'],
        [b"<html>Welcome to this hotel's network</html>"],
        [b'data: {"choices": [\xff\xfe]}\n\n'],
    ],
)
async def test_what_is_no_chat_completion_is_a_bad_response(
    connect: Connect, pieces: list[bytes]
) -> None:
    """Wrong types, missing fields, stray lines and other documents are bad responses."""
    async with serve(stream(pieces)) as server:
        with pytest.raises(ProviderBadResponse, match=r"^local: "):
            await connect("openai", server.url).complete(HELLO)


@pytest.mark.parametrize("kind", ["anthropic", "groq", "azure"])
def test_no_address_is_said_at_once(kind: str) -> None:
    """A provider without a base_url is refused with the remedy in the message."""
    with pytest.raises(ProviderUnavailable, match="no base_url: set ") as caught:
        make_provider(Settings(name="mine", kind=kind))
    assert caught.value.provider == "mine"


def test_no_provider_is_said_at_once() -> None:
    """Settings without any provider are refused with the choices in the message."""
    with pytest.raises(ProviderUnavailable, match="llm: no provider: set provider to mock"):
        make_provider(settings_from(None, {}))


def test_azure_needs_a_deployment() -> None:
    """Azure without a deployment or a model is refused with the remedy in the message."""
    with pytest.raises(ProviderUnavailable, match="set deployment or AZURE_OPENAI_DEPLOYMENT"):
        make_provider(Settings(name="mine", kind="azure", base_url="https://example.org"))


async def test_openai_itself_needs_a_key(connect: Connect) -> None:
    """Without a key nothing is sent to OpenAI, and the error names the variable."""
    provider = connect("openai", "https://api.openai.com/v1", api_key="")
    with pytest.raises(ProviderAuthError, match="OPENAI_API_KEY"):
        await provider.complete(HELLO)
