"""Decodes every sample of a reply into the pydantic models that datamodel-code-generator writes.

Usage: samples.py FOLDER_WITH_SAMPLES FILE_OF_THE_DOCUMENT
"""

import json
import sys
from pathlib import Path

import wecom_kf_models as models

samples, document = Path(sys.argv[1]), json.loads(Path(sys.argv[2]).read_text())
operations = {
    operation["operationId"]: operation for item in document["paths"].values() for operation in item.values()
}


def name(schema):
    return schema["$ref"].rsplit("/", 1)[1]


def model_of(sample):
    """Returns the model of a sample. That of `send_msg.error_95002.json` is the model of the reply of `send_msg`."""
    operation, *kind = sample.split(".")
    if operation == "generic" or operation == "media_get":
        return models.ErrorModel
    if kind[-2] == "request":
        return getattr(models, name(operations[operation]["requestBody"]["content"]["application/json"]["schema"]))
    return getattr(models, name(operations[operation]["responses"]["200"]["content"]["application/json"]["schema"]))


def without_absent(value):
    """Returns the JSON of a model without absent fields, to compare it with the sample."""
    return json.loads(value.model_dump_json(exclude_unset=True, by_alias=True))


seen = 0
for path in sorted(samples.glob("*.json")):
    sample = json.loads(path.read_text())
    decoded = model_of(path.name).model_validate(sample)
    kept = without_absent(decoded)
    # Models drop unknown fields, so a field that is missing from a model is noticed here.
    assert kept == sample, f"{path.name}: {kept} != {sample}"
    seen += 1
assert seen > 50, f"only {seen} samples"

# Forms that servers send but that no sample of the documentation has.
odd = {
    "SyncResponse": [
        {"errcode": 0, "msg_list": None},
        {"msg_list": [{"msgtype": "location", "location": {"latitude": "23.1", "longitude": "113.3"}}]},
        {"msg_list": [{"msgtype": "channels_shop_product", "channels_shop_product": {"sales_price": 19900}}]},
        {"msg_list": [{"msgtype": "merged_msg", "merged_msg": {"item": [{"msgtype": 1, "msg_content": {}}]}}]},
        {"msg_list": [{"msgtype": "merged_msg", "merged_msg": {"item": [{"send_time": "1718000400"}]}}]},
        {"msg_list": [{"msgtype": "event", "event": {"wechat_channels": {"scene": "1"}}}]},
        {"msg_list": [{"msgtype": "note"}, {"msgtype": "text", "text": None}, {}]},
        {"msg_list": [{"msgtype": "new kind", "new kind": {}}]},
    ],
    "MediaUploadResponse": [{"created_at": 1718001000}, {"created_at": None}],
    "GetUpgradeServiceConfigResponse": [{"member_range": {"department_id_list": ["2"], "department_list": [3]}}],
    "KnowledgeListIntentResponse": [
        {"intent_list": [{"question": {"text": {"content": "q"}, "answers": [], "similar_questions": {"items": []}}}]},
        {"intent_list": [{"answers": [{"attachments": [{"msgtype": "link", "link": {"picurl": "u"}}]}]}]},
    ],
    "GetAccessTokenResponse": [{"access_token": "t", "expires_in": 7200}, {"errcode": 40001, "errmsg": "e"}],
}
for model, replies in odd.items():
    for reply in replies:
        getattr(models, model).model_validate(reply)
