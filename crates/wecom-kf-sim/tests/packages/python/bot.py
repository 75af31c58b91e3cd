"""The bot under test: greets, answers texts, recommends a colleague, and hands customers to servicers on request.

Standard library, and `cryptography` for AES. As a program it listens where WECOM_KF_LISTEN says.
"""

import base64
import hashlib
import hmac
import json
import os
import re
import threading
import urllib.parse
import urllib.request
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes

RETRIED_ERRCODE = -1
TOKEN_ERRCODES = (40014, 42001)


class Bot:
    def __init__(self):
        self.access_token = None
        self.cursors = {}
        self.reading = threading.Lock()

    def configure(self, env):
        self.base = env["WECOM_KF_BASE_URL"]
        self.corp_id, self.secret = env["WECOM_CORP_ID"], env["WECOM_KF_SECRET"]
        self.callback_token = env["WECOM_KF_CALLBACK_TOKEN"]
        self.aes_key = base64.b64decode(env["WECOM_KF_CALLBACK_AES_KEY"] + "=")

    def signature(self, query, encrypted):
        parts = sorted([self.callback_token, query["timestamp"], query["nonce"], encrypted])
        return hashlib.sha1("".join(parts).encode()).hexdigest()

    def decrypted(self, query, encrypted):
        """Verifies the signature, and returns the message inside."""
        if not hmac.compare_digest(self.signature(query, encrypted), query["msg_signature"]):
            raise ValueError("the signature does not match")
        decryptor = Cipher(algorithms.AES(self.aes_key), modes.CBC(self.aes_key[:16])).decryptor()
        padded = decryptor.update(base64.b64decode(encrypted)) + decryptor.finalize()
        plain = padded[16 : -padded[-1]]
        length = int.from_bytes(plain[:4], "big")
        message, receiver = plain[4 : 4 + length], plain[4 + length :]
        if receiver.decode() != self.corp_id:
            raise ValueError("the callback is for another corp")
        return message.decode()

    def woken(self, xml):
        """Reads what is new at the account that a callback names."""
        if "kf_msg_or_event" not in xml:
            return
        value = lambda name: re.search(rf"<{name}><!\[CDATA\[(.*?)\]\]>", xml)[1]
        with self.reading:
            self.read(value("OpenKfId"), value("Token"))

    def read(self, open_kfid, token):
        while True:
            request = {"open_kfid": open_kfid, "token": token}
            if open_kfid in self.cursors:
                request["cursor"] = self.cursors[open_kfid]
            page = self.call("sync_msg", request)
            for message in page["msg_list"]:
                self.handle(message)
            self.cursors[open_kfid] = page["next_cursor"]
            if not page["has_more"]:
                return

    def handle(self, message):
        event = message.get("event", {})
        if "welcome_code" in event:
            items = [menu_item("hours", "营业时间"), menu_item("human", "转人工")]
            self.answer_event(event["welcome_code"], "msgmenu", {"head_content": "您好 👋", "list": items})
        if message["msgtype"] != "text" or message["origin"] != 3:
            return
        customer = {"open_kfid": message["open_kfid"], "external_userid": message["external_userid"]}
        text = message["text"]["content"]
        if message["text"].get("menu_id") == "human":
            to = {"service_state": 3, "servicer_userid": "zhangsan"}
            code = self.call("service_state/trans", {**customer, **to})["msg_code"]
            self.answer_event(code, "text", {"content": "正在为您转接人工 🙇"})
        elif text == "转人工":
            self.call("service_state/trans", {**customer, "service_state": 2})
        elif self.call("service_state/get", customer)["service_state"] < 2:
            self.answer(message, customer, text)

    def answer(self, message, customer, text):
        reply = f"收到：{text}"
        if text == "有专人吗？":
            member = {"userid": "wangwu", "wording": "您的专属顾问"}
            self.call("customer/upgrade_service", {**customer, "type": 1, "member": member})
            reply = "已为您推荐专员"
        elif text == "不用了":
            self.call("customer/cancel_upgrade_service", customer)
            reply = "好的"
        answer = {"touser": message["external_userid"], "open_kfid": message["open_kfid"], "msgid": message["msgid"][:32]}
        self.call("send_msg", {**answer, "msgtype": "text", "text": {"content": reply}})

    def answer_event(self, code, kind, body):
        self.call("send_msg_on_event", {"code": code, "msgtype": kind, kind: body})

    def call(self, operation, body):
        """Calls an operation, once more with a new token or if WeCom is busy."""
        for _ in range(3):
            if self.access_token is None:
                query = urllib.parse.urlencode({"corpid": self.corp_id, "corpsecret": self.secret})
                self.access_token = self.request(f"gettoken?{query}")["access_token"]
            reply = self.request(f"kf/{operation}?access_token={self.access_token}", body)
            if reply["errcode"] in TOKEN_ERRCODES:
                self.access_token = None
            elif reply["errcode"] != RETRIED_ERRCODE:
                return reply
        raise RuntimeError(f"{operation} was refused with {reply['errcode']}")

    def request(self, path, body=None):
        data = None if body is None else json.dumps(body).encode()
        request = urllib.request.Request(f"{self.base}/cgi-bin/{path}", data, {"Content-Type": "application/json"})
        with urllib.request.urlopen(request) as reply:
            return json.load(reply)

    def server(self, address):
        bot = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self):
                self.answer(lambda query: bot.decrypted(query, query["echostr"]))

            def do_POST(self):
                body = self.rfile.read(int(self.headers["Content-Length"])).decode()
                encrypted = re.search(r"<Encrypt><!\[CDATA\[(.*?)\]\]>", body)[1]
                xml = self.answer(lambda query: bot.decrypted(query, encrypted), b"success")
                if xml is not None:
                    threading.Thread(target=bot.woken, args=[xml], daemon=True).start()

            def answer(self, decrypt, body=None):
                query = dict(urllib.parse.parse_qsl(urllib.parse.urlsplit(self.path).query))
                try:
                    plain = decrypt(query)
                except (ValueError, KeyError):
                    self.send_error(403)
                    return None
                body = plain.encode() if body is None else body
                self.send_response(200)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)
                return plain

            def log_message(self, *_):
                pass

        return ThreadingHTTPServer(address, Handler)


def menu_item(item_id, content):
    return {"type": "click", "click": {"id": item_id, "content": content}}


if __name__ == "__main__":
    host, port = os.environ["WECOM_KF_LISTEN"].rsplit(":", 1)
    bot = Bot()
    bot.configure(os.environ)
    bot.server((host, int(port))).serve_forever()
