"""Customers and servicers, as tests use them."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, Literal

from . import control
from ._waiting import PATIENCE_S, waits

if TYPE_CHECKING:
    from ._simulator import Corp

# pytest shows the line of the test that failed, and no line of this file.
__tracebackhide__ = True

# What changes without a call of the bot is looked at again after this many seconds.
_RECHECK_S = 1.0


class Heard:
    """A message that a customer got from the bot."""

    def __init__(self, entry: control.ChatEntry) -> None:
        self.entry = entry
        self.msgtype: str = entry["msgtype"]
        self.body: dict[str, Any] = entry["body"]
        self.msgid: str | None = entry["msgid"]

    @property
    def text(self) -> str | None:
        """The content of a text, or None for another kind."""
        return self.body.get("content") if self.msgtype == "text" else None

    @property
    def labels(self) -> list[str]:
        """The labels of the items of a menu that send a text when they are tapped; empty for another kind."""
        items = self.body.get("list", []) if self.msgtype == "msgmenu" else []
        return [item["click"]["content"] for item in items if item["type"] == "click"]

    def __repr__(self) -> str:
        return f"<bot: {self.text if self.text is not None else f'[{self.msgtype}] {self.body}'}>"


class Customer:
    """A customer at one account. The test says what the customer does."""

    def __init__(self, corp: Corp, told: control.Customer) -> None:
        self._corp = corp
        self._heard = 0
        # The newest own message, which a bot that reads has seen.
        self._written: str | None = None
        self.external_userid: str = told["external_userid"]
        self.open_kfid: str = told["open_kfid"]
        self.name: str = told["name"]

    def says(self, message: str | Mapping[str, Any]) -> str:
        """Writes a text, or a message such as `{"msgtype": "image"}`. Returns its msgid."""
        return self._wrote(self._corp.control.customer_write(self.external_userid, _message(message)))

    def sends(
        self, kind: Literal["image", "voice", "video", "file"], content: bytes, *, filename: str | None = None
    ) -> str:
        """Sends a file with this content. Returns the msgid."""
        media_id = self._corp.control.media_add(content, type=kind, filename=filename)["media_id"]
        return self.says({"msgtype": kind, kind: {"media_id": media_id}})

    def hears(self, expected: str | re.Pattern[str] | None = None, *, within: float = PATIENCE_S) -> Heard:
        """Waits for the next message of the bot, and returns it. Messages of servicers are not returned.

        With `expected` the message must be this text, or match this pattern somewhere. Fails after `within` seconds.
        """
        heard = self._next(within)
        if expected is None:
            return heard
        is_it = expected.search(heard.text or "") if isinstance(expected, re.Pattern) else heard.text == expected
        if not is_it:
            wanted = expected.pattern if isinstance(expected, re.Pattern) else expected
            raise AssertionError(f"{self.name} heard {heard.text or heard!r} instead of {wanted!r}")
        return heard

    def _next(self, within: float) -> Heard:
        heard = self._find(within)
        if heard is None:
            raise AssertionError(f"{self.name} heard nothing within {within:g} s. {self._corp._last_calls()}")
        return heard

    def _find(self, within: float) -> Heard | None:
        """Waits for the next message of the bot."""
        for wait in waits(within):
            for entry in self._corp.control.chat(self.external_userid, after=self._heard, wait=wait)["entries"]:
                self._heard = entry["n"]
                if entry["from"] == "bot":
                    return Heard(entry)
        return None

    def stays_silent(self, seconds: float = 1.0, *, within: float = PATIENCE_S) -> None:
        """Fails if the bot sends this customer a message within `seconds`.

        Waits first until the bot has read what the customer wrote, for `within` seconds at most: a bot that has seen nothing
        is silent, too.
        """
        self._wait_until_read(within)
        heard = self._find(seconds)
        if heard is not None:
            raise AssertionError(f"{self.name} heard {heard!r}, but nothing was expected. {self._corp._last_calls()}")

    def chat(self) -> list[control.ChatEntry]:
        """Returns the chat as the customer sees it, oldest entry first."""
        return self._corp.control.chat(self.external_userid)["entries"]

    def enters(
        self,
        *,
        scene: str | None = None,
        scene_param: str | None = None,
        url: str | None = None,
        channels: control.CustomerEnterChannels | None = None,
    ) -> str | None:
        """Opens the chat, as from a link or a 视频号. Returns the welcome_code, or None if the rules grant none."""
        entered = self._corp.control.customer_enter(
            self.external_userid, scene=scene, scene_param=scene_param, url=url, channels=channels
        )
        return entered["welcome_code"]

    def taps(self, menu_id: str, *, content: str | None = None) -> str:
        """Taps an item of a menu. Returns the msgid of the text that this sends."""
        return self._wrote(self._corp.control.customer_tap(self.external_userid, menu_id=menu_id, content=content))

    def recalls(self, msgid: str) -> None:
        """Recalls an own message."""
        self._corp.control.customer_recall(self.external_userid, msgid=msgid)

    def rates(self, rating: Literal["satisfied", "middling", "dissatisfied"]) -> None:
        """Rates the servicer who asked for it."""
        self._corp.control.customer_rate(self.external_userid, rating=rating)

    @property
    def offer(self) -> control.CustomerUpgradeOffer | None:
        """What the bot offers by upgrade_service, or None."""
        return self._corp.control.customer(self.external_userid)["upgrade_offer"]

    def is_offered(self, id: str, *, within: float = PATIENCE_S) -> None:
        """Waits until the bot offers this member or group by upgrade_service. Fails after `within` seconds."""
        self._until(lambda: (offer := self.offer) is not None and offer["id"] == id, f"was not offered {id}", within)

    def accepts_offer(self) -> None:
        """Accepts what the bot offered by upgrade_service."""
        self._corp.control.upgrade_accept(self.external_userid)

    def is_with(self, userid: str, *, within: float = PATIENCE_S) -> None:
        """Waits until this servicer has the session. Fails after `within` seconds."""
        self._until(lambda: self.session["servicer_userid"] == userid, f"is not with {userid}", within)

    def set_profile(
        self, *, gender: Literal[0, 1, 2] | None = None, avatar: str | None = None, unionid: str | None = None
    ) -> None:
        """Changes what customer/batchget returns. An empty text removes the avatar or the unionid."""
        self._corp.control.customer_change(self.external_userid, gender=gender, avatar=avatar, unionid=unionid)

    @property
    def session(self) -> control.Session:
        """The session as it is now."""
        return self._corp.control.customer(self.external_userid)["session"]

    @property
    def state(self) -> int:
        """The state of the session: 0 untreated, 1 assistant, 2 queue, 3 servicer, 4 ended or never begun."""
        return self.session["state"]

    def _wrote(self, written: control.Written) -> str:
        self._written = written["msgid"]
        return written["msgid"]

    def _until(self, holds: Callable[[], bool], problem: str, within: float) -> None:
        """Asks again after every call of the bot, and fails when it takes longer than `within`."""
        for wait in waits(within, _RECHECK_S):
            last = self._corp.control.journal(limit=1)["last"]
            if holds():
                return
            self._corp.control.journal(kind="call", after=last, wait=wait)
        raise AssertionError(f"{self.name} {problem} within {within:g} s. {self._corp._last_calls()}")

    def _wait_until_read(self, within: float) -> None:
        """Waits until a page of sync_msg had the newest own message."""
        if self._written is None:
            return
        after = 0
        for wait in waits(within):
            journal = self._corp.control.journal(op="sync_msg", involves=self.external_userid, after=after, wait=wait)
            pages = [entry["reply"] for entry in journal["entries"] if isinstance(entry["reply"], dict)]
            if any(message.get("msgid") == self._written for page in pages for message in page.get("msg_list", [])):
                return
            after = max([after, *(entry["n"] for entry in journal["entries"])])
        raise AssertionError(f"the bot has not read what {self.name} wrote. {self._corp._last_calls()}")


class Servicer:
    """A servicer. The test says what the servicer does in the WeCom client."""

    def __init__(self, corp: Corp, userid: str) -> None:
        self._corp = corp
        self.userid = userid

    def takes(self, customer: Customer) -> None:
        """Takes the customer's session."""
        self._corp.control.session_take(customer.open_kfid, customer.external_userid, servicer_userid=self.userid)

    def says(self, customer: Customer, message: str | Mapping[str, Any]) -> str:
        """Writes a text to the customer, or a message such as `{"msgtype": "image"}`. Returns its msgid.

        Takes the session first if somebody else has it.
        """
        body = {**_message(message), "servicer_userid": self.userid}
        return self._corp.control.session_reply(customer.open_kfid, customer.external_userid, body)["msgid"]

    def recalls(self, customer: Customer, msgid: str) -> None:
        """Recalls an own message to the customer."""
        self._corp.control.session_recall(customer.open_kfid, customer.external_userid, msgid=msgid)

    def transfers(self, customer: Customer, to: Servicer | str) -> None:
        """Transfers the customer's session to another servicer."""
        userid = to.userid if isinstance(to, Servicer) else to
        self._corp.control.session_transfer(customer.open_kfid, customer.external_userid, to=userid)

    def ends(self, customer: Customer) -> None:
        """Ends the customer's session."""
        self._corp.control.session_end(customer.open_kfid, customer.external_userid)

    def asks_to_rate(self, customer: Customer) -> None:
        """Asks the customer for a rating."""
        self._corp.control.rating_ask(customer.open_kfid, customer.external_userid, servicer_userid=self.userid)

    def rejects(self, customer: Customer) -> None:
        """Switches 不再接收消息 on for the customer."""
        self._reject(customer, True)

    def stops_rejecting(self, customer: Customer) -> None:
        """Switches 不再接收消息 off for the customer."""
        self._reject(customer, False)

    def _reject(self, customer: Customer, rejecting: bool) -> None:
        place = (customer.open_kfid, customer.external_userid)
        self._corp.control.session_reject(*place, servicer_userid=self.userid, rejecting=rejecting)

    def stops(self) -> None:
        """Stops receiving customers."""
        self._corp.control.servicer_set(self.userid, receiving=False)

    def suspends(self) -> None:
        """Is suspended (暂时挂起): new sessions go to others."""
        self._corp.control.servicer_set(self.userid, suspended=True)

    def resumes(self) -> None:
        """Receives customers again."""
        self._corp.control.servicer_set(self.userid, receiving=True, suspended=False)


def _message(message: str | Mapping[str, Any]) -> Mapping[str, Any]:
    return {"msgtype": "text", "text": message} if isinstance(message, str) else message
