"""Runs the client that openapi-python-client generates against the simulator, as the documentation of the generator shows."""

import io
import os

import httpx
from wecom_kf_client import Client
from wecom_kf_client.api.account import account_list
from wecom_kf_client.api.media import media_get, media_upload
from wecom_kf_client.api.message import send_msg, sync_msg
from wecom_kf_client.api.token import gettoken
from wecom_kf_client.models import (
    ListCustomerServiceAccountRequest,
    MediaUploadRequest,
    SendImageRequest,
    SendImageRequestMsgtype,
    SendRequestImage,
    SendRequestText,
    SendTextRequest,
    SendTextRequestMsgtype,
    SyncRequest,
)
from wecom_kf_client.types import UNSET, File

PICTURE = bytes.fromhex(
    "89504e470d0a1a0a0000000d4948445200000001000000010802000000907753de"
    "0000000c49444154789c63f8cfc000000301010018dd8db00000000049454e44ae426082"
)

base_url = os.environ["WECOM_KF_BASE_URL"]
account = os.environ["WECOM_KF_OPEN_KFID"]
client = Client(base_url=base_url, raise_on_unexpected_status=True)


def succeeded(reply):
    assert reply is not None and not reply.errcode, reply
    return reply


# The control API of the simulator plays the customer.
customer = httpx.post(f"{base_url}/sim/v1/customers", json={"name": "小王"}).json()["external_userid"]
message = {"msgtype": "text", "text": {"content": "你好"}}
httpx.post(f"{base_url}/sim/v1/customers/{customer}/messages", json=message).raise_for_status()

token = succeeded(
    gettoken.sync(client=client, corpid=os.environ["WECOM_CORP_ID"], corpsecret=os.environ["WECOM_KF_SECRET"])
).access_token

accounts = succeeded(account_list.sync(client=client, access_token=token, body=ListCustomerServiceAccountRequest()))
assert [one.open_kfid for one in accounts.account_list] == [account], accounts

page = succeeded(sync_msg.sync(client=client, access_token=token, body=SyncRequest(open_kfid=account)))
texts = [one.text.content for one in page.msg_list if one.msgtype == "text"]
assert texts == ["你好"], page

text = SendTextRequest(
    touser=customer,
    open_kfid=account,
    msgtype=SendTextRequestMsgtype.TEXT,
    text=SendRequestText(content="您好"),
)
assert succeeded(send_msg.sync(client=client, access_token=token, body=text)).msgid

upload = MediaUploadRequest(media=File(payload=io.BytesIO(PICTURE), file_name="p.png", mime_type="image/png"))
media = succeeded(media_upload.sync(client=client, access_token=token, type_="image", body=upload)).media_id
image = SendImageRequest(
    touser=customer,
    open_kfid=account,
    msgtype=SendImageRequestMsgtype.IMAGE,
    image=SendRequestImage(media_id=media),
)
assert succeeded(send_msg.sync(client=client, access_token=token, body=image)).msgid

whole = media_get.sync(client=client, access_token=token, media_id=media, range_=UNSET)
assert whole.payload.read() == PICTURE, whole
part = media_get.sync(client=client, access_token=token, media_id=media, range_="bytes=0-7")
assert part.payload.read() == PICTURE[:8], part
