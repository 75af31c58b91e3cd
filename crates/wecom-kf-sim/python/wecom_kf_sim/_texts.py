"""What a failure says: the bot's calls and findings, in the reader's language."""

from __future__ import annotations

import os

from . import control


def words(words: control.Words | control.DeliveryProblem) -> str:
    """Returns the text in the reader's language: that of the first of these variables that is not empty."""
    names = ("WECOM_KF_LANG", "LC_ALL", "LC_MESSAGES", "LANG")
    language = next((value for value in map(os.environ.get, names) if value), "")
    return words["zh"] if language.startswith("zh") else words["en"]


def finding_text(finding: control.Finding) -> str:
    title, proof, remedy = (words(finding[part]) for part in ("title", "proof", "remedy"))
    return "\n    ".join([f"  {finding['name']} ×{finding['count']}: {title}", proof, remedy])


def row_text(entry: control.Entry) -> str:
    arrow = "→" if entry["kind"] == "call" else "←"
    outcome = f"HTTP {entry['status']}" if entry["errcode"] is None else f"errcode {entry['errcode']}"
    remarks = (entry["problem"] and words(entry["problem"]), entry["fault"] and f"fault: {entry['fault']}", _errmsg(entry), *entry["findings"])
    return "  ".join([f"  {arrow} {entry['operation']}", outcome, *(remark for remark in remarks if remark)])


def _errmsg(entry: control.Entry) -> str | None:
    """Returns why a call was refused, without WeCom's own hints at its end."""
    if not entry["errcode"] or not isinstance(entry["reply"], dict):
        return None
    return str(entry["reply"].get("errmsg", "")).split(", hint: ")[0]
