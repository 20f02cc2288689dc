"""``/v1`` by the official SDK and by what chat programs send."""

import asyncio
import json
import re
from collections.abc import Iterator
from typing import Any

import httpx2
import openai
import pytest

from tests.conftest import ROOT

README = (ROOT / "README.md").read_text("utf-8")
QUESTION = "Can a 24 GB RTX 3090 run Llama 3.1 8B at q4_k_m?"


@pytest.fixture
def client(base_url: str) -> Iterator[openai.OpenAI]:
    with openai.OpenAI(base_url=f"{base_url}/v1", api_key="any", max_retries=0) as client:
        yield client


def asked(*said: tuple[str, Any]) -> Any:
    return [{"role": role, "content": content} for role, content in said]


def test_the_model_is_listed(client: openai.OpenAI) -> None:
    assert "hardware-kb" in [model.id for model in client.models.list().data]
    assert client.models.retrieve("hardware-kb").owned_by == "hardware-kb"


def test_an_answer_has_footnotes(client: openai.OpenAI) -> None:
    reply = client.chat.completions.create(model="hardware-kb", messages=asked(("user", QUESTION)))
    text = reply.choices[0].message.content or ""
    assert text.startswith("Yes: Llama 3.1 8B at Q4_K_M fits")
    body, _, listed = text.partition("\n\n[^1]: ")
    assert "[^1]" in body
    assert "\\" not in body
    assert set(re.findall(r"\[\^(\d+)\]", body)) == {"1", *re.findall(r"^\[\^(\d+)\]: ", listed, re.M)}
    assert "\n[^1]: Calculated: check_fit" in text
    assert reply.choices[0].finish_reason == "stop"
    assert reply.usage is not None
    assert reply.usage.total_tokens == reply.usage.prompt_tokens + reply.usage.completion_tokens > 20


def test_a_stream_is_the_whole_in_pieces(client: openai.OpenAI) -> None:
    whole = client.chat.completions.create(model="hardware-kb", messages=asked(("user", QUESTION)))
    chunks = list(
        client.chat.completions.create(
            model="hardware-kb", messages=asked(("user", QUESTION)), stream=True,
            stream_options={"include_usage": True},
        )
    )  # fmt: skip
    pieces = [choice.delta.content or "" for chunk in chunks for choice in chunk.choices]
    assert "".join(pieces) == whole.choices[0].message.content
    assert [choice.finish_reason for chunk in chunks for choice in chunk.choices][-1] == "stop"
    assert chunks[-1].choices == []
    assert chunks[-1].usage == whole.usage


def test_the_readmes_lines_run(base_url: str, capsys: pytest.CaptureFixture[str]) -> None:
    code = next(code for code in re.findall(r"```python\n(.*?)```", README, re.S) if "OpenAI" in code)
    exec(compile(code.replace("http://127.0.0.1:8000", base_url), "README.md", "exec"), {})
    assert "70B model" in capsys.readouterr().out


def test_many_at_once(base_url: str) -> None:
    async def ask(client: openai.AsyncOpenAI) -> str:
        reply = await client.chat.completions.create(model="hardware-kb", messages=asked(("user", QUESTION)))
        return reply.choices[0].message.content or ""

    async def all_of_them() -> list[str]:
        async with openai.AsyncOpenAI(base_url=f"{base_url}/v1", api_key="any") as client:
            return await asyncio.gather(*(ask(client) for _ in range(8)))

    texts = asyncio.run(all_of_them())
    assert len(set(texts)) == 1
    assert texts[0].startswith("Yes: ")


def test_a_conversation_goes_on(client: openai.OpenAI) -> None:
    first = client.chat.completions.create(model="hardware-kb", messages=asked(("user", QUESTION)))
    messages = asked(
        ("system", "You are a pirate."), ("developer", "Answer in verse."),
        ("user", [{"type": "text", "text": QUESTION}, {"type": "image_url", "image_url": {"url": "data:,"}}]),
        ("assistant", first.choices[0].message.content), ("assistant", None), ("user", "and on two of them, with 32k?"),
    )  # fmt: skip
    text = client.chat.completions.create(model="hardware-kb", messages=messages).choices[0].message.content or ""
    assert "2× GeForce RTX 3090" in text
    assert "32,768 tokens" in text


def test_results_of_tools_are_passed_over(client: openai.OpenAI) -> None:
    tool: Any = {"type": "function", "function": {"name": "f", "parameters": {"type": "object", "properties": {}}}}
    messages: Any = [*asked(("user", QUESTION)), {"role": "tool", "tool_call_id": "1", "content": "No: nothing fits."}]
    reply = client.chat.completions.create(model="hardware-kb", messages=messages, tools=[tool])
    assert reply.choices[0].message.tool_calls is None
    assert (reply.choices[0].message.content or "").startswith("Yes: ")


@pytest.mark.parametrize("stream", [False, True])
def test_the_end_is_where_it_is_wanted(base_url: str, stream: bool) -> None:
    def said(**more: Any) -> tuple[str, str]:
        body = {"model": "hardware-kb", "messages": asked(("user", QUESTION)), "stream": stream, **more}
        answer = httpx2.post(f"{base_url}/v1/chat/completions", json=body, timeout=60)
        assert answer.status_code == 200, answer.text
        if not stream:
            choice = answer.json()["choices"][0]
            return choice["message"]["content"], choice["finish_reason"]
        events = [line.removeprefix("data: ") for line in answer.text.split("\n\n") if line.startswith("data: ")]
        assert events[-1] == "[DONE]"
        choices = [choice for event in events[:-1] for choice in json.loads(event)["choices"]]
        return "".join(choice["delta"].get("content", "") for choice in choices), choices[-1]["finish_reason"]

    assert said(max_tokens=3) == ("Yes: Llama", "length")
    assert said(stop=" at ") == ("Yes: Llama 3.1 8B", "stop")
    whole, reason = said(temperature=0.3, user="x", made_up=1, n=1)
    assert reason == "stop"
    assert whole.endswith(")") or "[^1]: " in whole


TITLE = (
    "### Task:\nGenerate a concise, 3-5 word title with an emoji summarizing the chat history.\n"
    'JSON format: { "title": "your concise title here" }\n### Chat History:\n<chat_history>\nUSER: '
    f"{QUESTION}\nASSISTANT: Yes.\n</chat_history>"
)


def test_a_program_asks_for_a_title(client: openai.OpenAI) -> None:
    reply = client.chat.completions.create(model="hardware-kb", messages=asked(("user", TITLE)))
    title = json.loads(reply.choices[0].message.content or "")["title"]
    assert title == "Llama 3.1 8B on GeForce RTX 3090"
    plain = TITLE.replace('JSON format: { "title": "your concise title here" }\n', "Answer with nothing else.\n")
    streamed = client.chat.completions.create(model="hardware-kb", messages=asked(("user", plain)), stream=True)
    assert "".join(chunk.choices[0].delta.content or "" for chunk in streamed) == title


@pytest.mark.parametrize(
    "task",
    [
        "Suggest 3-5 relevant follow-up questions the user might ask next. JSON:",
        "Predict 3-5 useful messages that this user might send next, as a JSON object with a key:",
    ],
)
def test_a_program_asks_for_follow_ups(client: openai.OpenAI, task: str) -> None:
    history = f"<chat_history>\nUSER: {QUESTION}\nASSISTANT: Yes.\n</chat_history>"
    asks = f'### Task:\n{task} {{ "follow_ups": [] }}\n{history}'
    reply = client.chat.completions.create(model="hardware-kb", messages=asked(("user", asks)))
    assert len(json.loads(reply.choices[0].message.content or "")["follow_ups"]) >= 2


def test_a_long_conversation_gets_its_title(client: openai.OpenAI) -> None:
    long = TITLE.replace("ASSISTANT: Yes.", "ASSISTANT: " + "Yes. " * 2000)
    reply = client.chat.completions.create(model="hardware-kb", messages=asked(("user", long)))
    assert json.loads(reply.choices[0].message.content or "")["title"] == "Llama 3.1 8B on GeForce RTX 3090"


def test_documents_that_a_program_puts_before_a_question_are_not_what_the_user_has(client: openai.OpenAI) -> None:
    context = "I have 2x RTX 4090 and 64 GB of RAM. " * 300
    text = f"### Task:\nUse the context.\n<context>\n<source>{context}</source>\n</context>\n{QUESTION}"
    reply = client.chat.completions.create(model="hardware-kb", messages=asked(("user", text)))
    answer = reply.choices[0].message.content or ""
    assert "RTX 3090" in answer
    assert "4090" not in answer


def test_a_person_asks_for_no_title(client: openai.OpenAI) -> None:
    question = "what title does the RTX 4090 have in your catalogue, and how much memory has it?"
    text = client.chat.completions.create(model="hardware-kb", messages=asked(("user", question))).choices[0].message
    assert "24 GB" in (text.content or "")


@pytest.mark.parametrize(
    ("body", "status", "code", "says"),
    [
        ({"model": "gpt-4", "messages": asked(("user", "hi"))}, 404, "model_not_found", "`hardware-kb`"),
        ({"model": "hardware-kb", "messages": []}, 400, None, "messages"),
        ({"model": "hardware-kb"}, 400, None, "messages"),
        ({"model": "hardware-kb", "messages": asked(("system", "hi"))}, 400, None, "role `user`"),
        ({"model": "hardware-kb", "messages": asked(("wizard", "hi"))}, 400, None, "messages.0.role"),
        (
            {"model": "hardware-kb", "messages": asked(("user", "a" * 9000))},
            400,
            "context_length_exceeded",
            "9,000 characters",
        ),
    ],
)
def test_errors_have_openais_shape(base_url: str, body: Any, status: int, code: str | None, says: str) -> None:
    answer = httpx2.post(f"{base_url}/v1/chat/completions", json=body, timeout=60)
    assert answer.status_code == status
    error = answer.json()["error"]
    assert (error["code"], error["type"]) == (code, "invalid_request_error")
    assert says in error["message"] or says == error["param"]


def test_what_is_not_json_is_refused_in_their_shape(base_url: str) -> None:
    for content, headers in ((b"{", {"Content-Type": "application/json"}), (b"a=1", {"Content-Type": "text/plain"})):
        answer = httpx2.post(f"{base_url}/v1/chat/completions", content=content, headers=headers, timeout=60)
        assert answer.status_code in (400, 415)
        assert answer.json()["error"]["message"]


def test_a_long_conversation_is_read_from_its_end(client: openai.OpenAI) -> None:
    talk = [turn for _ in range(100) for turn in (("user", "what is VRAM? " * 30), ("assistant", "Memory. " * 900))]
    messages = asked(*talk, ("user", QUESTION))
    text = client.chat.completions.create(model="hardware-kb", messages=messages).choices[0].message.content or ""
    assert text.startswith("Yes: ")


MALFORMED = (b"", b"{", b'{"a": NaN}', b'"\xff"', b"[" * 100_000, b"1" * 100_000, '{"a": 1}'.encode("utf-16"), b"null")


@pytest.mark.parametrize("body", MALFORMED, ids=range(len(MALFORMED)))
def test_what_is_malformed_or_too_large_is_refused_in_their_shape(base_url: str, body: bytes) -> None:
    url, headers = f"{base_url}/v1/chat/completions", {"Content-Type": "application/json"}
    for content, status in ((body, 400), (b" " * 1_000_000 + body + b" ", 413)):
        answer = httpx2.post(url, content=content, headers=headers, timeout=60)
        assert answer.status_code == status
        assert set(answer.json()["error"]) == {"message", "type", "param", "code"}
        assert answer.headers["x-request-id"]


@pytest.mark.parametrize(("method", "path"), [("GET", "/v1/nope"), ("PUT", "/v1/models"), ("GET", "/v1/models/%00")])
def test_what_is_not_there_is_told_in_their_shape(base_url: str, method: str, path: str) -> None:
    answer = httpx2.request(method, base_url + path, headers={"Accept": "text/html, */*"})
    assert answer.status_code in (404, 405)
    assert answer.json()["error"]["type"] == "invalid_request_error"


def test_more_ends_than_are_of_use_are_refused(base_url: str) -> None:
    body = {
        "model": "hardware-kb",
        "messages": asked(("user", QUESTION)),
        "stop": [f"z{number}" for number in range(17)],
    }
    answer = httpx2.post(f"{base_url}/v1/chat/completions", json=body)
    assert answer.status_code == 400
    assert str(answer.json()["error"]["param"]).startswith("stop")
