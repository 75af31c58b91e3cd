"""Calls every operation of a mock server that prism runs.

The mock must answer every example of a request with errcode 0, and `{}` with 422 if the body has required members.
Usage: mock.py FILE_OF_THE_DOCUMENT ADDRESS_OF_THE_MOCK
"""

import json
import sys
import urllib.error
import urllib.parse
import urllib.request
from pathlib import Path

document, address = json.loads(Path(sys.argv[1]).read_text()), sys.argv[2]


def resolve(value):
    while "$ref" in value:
        target = document
        for step in value["$ref"].removeprefix("#/").split("/"):
            target = target[step]
        value = target
    return value


def requires_members(schema):
    schema = resolve(schema)
    return bool(schema.get("required")) or any(requires_members(part) for part in schema.get("oneOf", []))


def call(path, method, operation, content_type=None, body=None):
    parameters = [resolve(parameter) for parameter in operation.get("parameters", [])]
    query = {one["name"]: one["example"] for one in parameters if one.get("required")}
    headers = {"Content-Type": content_type} if content_type else {}
    request = urllib.request.Request(
        f"{address}{path}?{urllib.parse.urlencode(query)}", data=body, method=method.upper(), headers=headers
    )
    try:
        with urllib.request.urlopen(request) as reply:
            return reply.status, reply.read()
    except urllib.error.HTTPError as refusal:
        return refusal.code, refusal.read()


def examples(media):
    if "examples" in media:
        return [example["value"] for example in media["examples"].values()]
    return [media["example"]]


FORM = b'--b\r\nContent-Disposition: form-data; name="media"; filename="p.png"\r\nContent-Type: image/png\r\n\r\nbytes\r\n--b--\r\n'
answered = refused = 0
for path, item in document["paths"].items():
    for method, operation in item.items():
        name = operation["operationId"]
        content = operation.get("requestBody", {}).get("content", {})
        if "multipart/form-data" in content:
            replies = [call(path, method, operation, "multipart/form-data; boundary=b", FORM)]
        elif content:
            media = content["application/json"]
            bodies = [json.dumps(example).encode() for example in examples(media)]
            replies = [call(path, method, operation, "application/json", body) for body in bodies]
            if requires_members(media["schema"]):
                status, text = call(path, method, operation, "application/json", b"{}")
                assert status == 422, f"{name} answered {{}} with {status}: {text[:300]}"
                refused += 1
        else:
            replies = [call(path, method, operation)]
        for status, text in replies:
            assert status == 200, f"{name}: {status}: {text[:600]}"
            if "application/json" in operation["responses"]["200"]["content"]:
                assert json.loads(text)["errcode"] == 0, f"{name}: {text[:300]}"
        answered += len(replies)
print(f"{answered} requests answered with success, {refused} empty ones refused")
assert answered > 33 and refused > 15
