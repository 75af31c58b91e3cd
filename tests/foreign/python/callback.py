"""Checks the test vectors of the callback document, and decodes its events with models of datamodel-code-generator.

Usage: callback.py FILE_OF_THE_DOCUMENT
"""

import hashlib
import json
import sys
import urllib.parse
import xml.etree.ElementTree
from pathlib import Path

import wecom_kf_callback_models as models

document = json.loads(Path(sys.argv[1]).read_text())
operations = document["paths"]["/callback"]
schemas = document["components"]["schemas"]


def elements(text):
    return {child.tag: child.text or "" for child in xml.etree.ElementTree.fromstring(text)}


for operation in operations.values():
    for vector in operation["x-vectors"]:
        query = dict(urllib.parse.parse_qsl(vector["raw_query"]))
        signed = sorted([vector["token"], query["timestamp"], query["nonce"], vector["encrypt"]])
        assert hashlib.sha1("".join(signed).encode()).hexdigest() == query["msg_signature"], vector["name"]

vector = operations["post"]["x-vectors"][0]
envelope = models.CallbackEnvelope.model_validate(elements(vector["body"]))
assert envelope.Encrypt == vector["encrypt"]
event = models.CallbackEvent.model_validate(elements(vector["plaintext"])).root
assert isinstance(event, models.KfMsgOrEvent), event
assert event.model_dump(mode="json") == schemas["KfMsgOrEvent"]["example"]

change = models.CallbackEvent.model_validate(schemas["KfAccountAuthChange"]["example"]).root
assert isinstance(change, models.KfAccountAuthChange), change
assert change.AuthAddOpenKfId and change.AuthDelOpenKfId
