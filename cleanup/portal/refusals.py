"""Which of our errors an answer means, decided by its code first and its HTTP status second (PORTAL.md 4)."""

from collections.abc import Mapping

from cleanup.portal.authorization import WayIn
from cleanup.portal.errors import (
    AccessRefused,
    AnswerLost,
    Crashed,
    OperationLimited,
    Overloaded,
    PortalError,
    RateLimited,
    Rejected,
    Unavailable,
)
from cleanup.portal.wire import CallError

_WEBHOOK = "The webhook is wrong, deleted, expired or switched off. Make a new one or check its address."
_ADMIN = "The owner of the webhook must be an administrator of the portal. Let an administrator create it."
_SCOPE = "The webhook lacks a scope: add “Business processes” (bizproc) to it. It may take up to a day to be seen."
_PLAN = "The portal does not have these methods: its plan lacks business processes, or the module is not installed."
#: Of methods that only some rules need.
_OTHER_SCOPES = {
    "user.get": "The access lacks a scope: add “Users” (user_brief is enough) to it, or use no rule with “dismissed”.",
    "crm.item.list": "The access lacks a scope: add “CRM” (crm) to it, or use no rule with “document_exists”.",
    "tasks.task.list": "The access lacks a scope: add “Tasks” (task) to it, or use no rule with “document_exists”.",
}
_NO_METHOD = "The portal does not have this method, so no rule can ask for what it tells."
_LICENCE = "The portal's licence does not include REST. Renew the licence or the Marketplace subscription."
_OWNER = "The owner of the webhook may no longer log in. Let a working administrator create a new one."

#: The same for an application; what is not here is told as for a webhook.
_LOGIN = "The application's access does not hold any more. Log in again: b24-cleanup login"
_INSTALL = "The access was revoked, or the application was removed. Let an administrator install it, then log in again."
_AT_ONCE = "New tokens are called expired at once: has somebody else logged in with this application?"
_USER = "The user who logged in may not use the portal or the application (any more). Let an administrator log in."
_ADMIN_LOGIN = "The user who logged in must be an administrator of the portal. Let an administrator log in."
_APPLICATION_SCOPE = "The application lacks a scope: add “Business processes” (bizproc) to its card, then log in again."
_ADVICE_WEBHOOK = {
    "INVALID_CREDENTIALS": _WEBHOOK,
    "NO_AUTH_FOUND": _WEBHOOK,
    "INVALID_TOKEN": _WEBHOOK,
    "EXPIRED_TOKEN": _WEBHOOK,
    "WRONG_AUTH_TYPE": _WEBHOOK,
    "INVALID_REQUEST": _WEBHOOK,
    "APPLICATION_NOT_FOUND": _WEBHOOK,
    "ERROR_OAUTH": _WEBHOOK,
    "AUTHORIZATION_ERROR": _OWNER,
    "USER_ACCESS_ERROR": _OWNER,
    "INSUFFICIENT_SCOPE": _SCOPE,
    "ERROR_METHOD_NOT_FOUND": _PLAN,
    "PAYMENT_REQUIRED": _LICENCE,
    "METHOD_CONFIRM_DENIED": "An administrator of the portal refused this method to the webhook.",
    "METHOD_CONFIRM_WAITING": "An administrator of the portal must first confirm this method for the webhook.",
    "PORTAL_DELETED": "The portal no longer exists.",
}
_ADVICE: Mapping[WayIn, Mapping[str, str]] = {
    WayIn.WEBHOOK: _ADVICE_WEBHOOK,
    WayIn.APPLICATION: _ADVICE_WEBHOOK
    | {
        "INVALID_CREDENTIALS": _LOGIN,
        "NO_AUTH_FOUND": _LOGIN,
        "WRONG_AUTH_TYPE": _LOGIN,
        "INVALID_REQUEST": _LOGIN,
        "EXPIRED_TOKEN": _AT_ONCE,
        "INVALID_TOKEN": _INSTALL,
        "APPLICATION_NOT_FOUND": _INSTALL,
        "NOT_INSTALLED": _INSTALL,
        "ERROR_OAUTH": _INSTALL,
        "AUTHORIZATION_ERROR": _USER,
        "USER_ACCESS_ERROR": _USER,
        "INSUFFICIENT_SCOPE": _APPLICATION_SCOPE,
        "PAYMENT_REQUIRED": "The application's or the portal's paid time is over. Renew it.",
        "METHOD_CONFIRM_DENIED": "An administrator of the portal refused this method to the application.",
        "METHOD_CONFIRM_WAITING": "An administrator of the portal must first confirm this method for the application.",
    },
}
#: For an ACCESS_DENIED that says nothing of a licence, and for a 401 or 403 that says nothing at all.
_DENIED = {WayIn.WEBHOOK: _ADMIN, WayIn.APPLICATION: _ADMIN_LOGIN}
_LET_IN = {WayIn.WEBHOOK: _WEBHOOK, WayIn.APPLICATION: _LOGIN}
#: Codes that say that something broke, not that nothing was done (PORTAL.md 4).
_UNCLEAR = frozenset({"INTERNAL_SERVER_ERROR", "ERROR_UNEXPECTED_ANSWER"})
_LICENCE_TEXTS = ("subscription", "commercial plan")


def of_call(error: CallError, *, portal: str, asked: str, way: WayIn) -> PortalError | None:
    """The error that holds for the whole access, not for one instance; None for the latter."""
    code = error.code.upper()
    told = f"{portal} answered {asked} with {error}"
    if code == "QUERY_LIMIT_EXCEEDED":
        return RateLimited(f"{told}.", "Too many requests come from this address; the next run goes on.")
    if code == "OPERATION_TIME_LIMIT":
        return OperationLimited(f"{told}.", "The method's operating time is used up for now.")
    if code == "OVERLOAD_LIMIT":
        return Overloaded(f"{told}.", "The portal has blocked its REST; ask its support, then go on.")
    if asked in _OTHER_SCOPES and code in {"INSUFFICIENT_SCOPE", "ERROR_METHOD_NOT_FOUND"}:
        advised = _OTHER_SCOPES[asked] if code == "INSUFFICIENT_SCOPE" else _NO_METHOD
        return AccessRefused(f"{told}.", advised)
    advice = _LICENCE if code == "ACCESS_DENIED" and _is_licence(error.text) else _ADVICE[way].get(code)
    if code == "ACCESS_DENIED" and advice is None:
        advice = _DENIED[way]
    return None if advice is None else AccessRefused(f"{told}.", advice)


def of_reply(status: int, error: CallError | None, *, portal: str, asked: str, way: WayIn) -> PortalError | None:
    """The error of a whole HTTP answer; None when it is a success. `error` is None where there was none in it."""
    if error is not None:
        told = f"{portal} answered {asked} with {error} (HTTP {status})"
        return of_call(error, portal=portal, asked=asked, way=way) or _by_status(status, error, told, way)
    if status == 500:
        return Crashed(f"{portal} broke off {asked} with HTTP 500.")
    if status == 503:
        return Unavailable(f"{portal} answered {asked} with HTTP 503: its front end is busy.")
    if status == 429:
        return OperationLimited(f"{portal} answered {asked} with HTTP 429.")
    if status in {401, 403}:
        return AccessRefused(f"{portal} answered {asked} with HTTP {status}.", _LET_IN[way])
    if status == 404:
        return AccessRefused(f"{portal} answered {asked} with HTTP 404.", f"Check host and path of the {way}.")
    if status >= 400:
        return AnswerLost(f"{portal} answered {asked} with HTTP {status} and no readable text.")
    return None


def _by_status(status: int, error: CallError, told: str, way: WayIn) -> PortalError:
    if status == 500:
        return Crashed(f"{told}.")
    if status > 500 or status == 408 or error.code.upper() in _UNCLEAR:
        return AnswerLost(f"{told}.")
    if status in {401, 403}:
        return AccessRefused(f"{told}.", _LET_IN[way])
    return Rejected(f"{told}.", code=error.code, text=error.text)


def _is_licence(text: str) -> bool:
    return any(part in text.lower() for part in _LICENCE_TEXTS)
