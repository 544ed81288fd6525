"""Messages to Slack through slack-sdk; every failure is one clear error without the token in it."""

from __future__ import annotations

import http.client
import re
import time
from typing import Any

from include.clients.tls import trusted
from include.settings import Settings

MAX_WAIT_S = 5.0
CODE = re.compile(r"^[a-z_]{2,60}$")
MAX_TEXT = 2900

WHAT_TO_DO = {
    "invalid_auth": "set a valid bot token (xoxb-...) in the Slack connection",
    "not_authed": "set a bot token (xoxb-...) in the Slack connection",
    "account_inactive": "the app or its user was removed: install it again and set its new bot token",
    "token_revoked": "install the Slack app again and set its new bot token",
    "token_expired": "renew the bot token in the Slack connection",
    "missing_scope": "give the Slack app the scope chat:write and install it again",
    "channel_not_found": "check the channel's name, or invite the app where the channel is private",
    "not_in_channel": "invite the app: type /invite @app in the channel",
    "is_archived": "the channel is archived: choose another one",
    "ratelimited": "Slack limits messages for now: it is sent again when the alert comes again",
    "unreachable": "check the network and the proxy between this machine and Slack",
    "no_token": "set DEVMLOPS_SLACK_TOKEN or the Slack connection",
    "bad_token": "the token holds spaces, line ends or other characters that no token has: copy it again",
    "bad_answer": "something else than Slack answered: check DEVMLOPS_SLACK_URL and the proxy",
}


class SlackError(RuntimeError):
    """Slack did not take a message.

    Attributes:
        code: Slack's error code, or ``unreachable``, ``ratelimited``, ``no_token``, ``bad_token``, ``bad_answer``.
        what_to_do: one sentence.
    """

    def __init__(self, code: str, detail: str = "") -> None:
        self.code, self.what_to_do = code, WHAT_TO_DO.get(code, "see https://api.slack.com/methods/chat.postMessage#errors")
        super().__init__(f"Slack did not take the message: {code}{f' ({detail})' if detail else ''}; {self.what_to_do}")


class SlackClient:
    """Sends messages as the bot whose token the settings hold.

    Args:
        settings: ``slack_token``, ``slack_channel`` and ``slack_url``.
        timeout_s: how long to wait for one answer.
    """

    def __init__(self, settings: Settings, timeout_s: float = 5.0) -> None:
        self._settings, self._timeout_s = settings, timeout_s

    @property
    def enabled(self) -> bool:
        """Whether a token is there; without one nothing is sent anywhere."""
        return bool(self._settings.slack_token.get_secret_value().strip())

    def send(self, text: str, blocks: list[dict[str, Any]] | None = None, channel: str | None = None) -> dict[str, str]:
        """Post one message.

        Args:
            text: what notifications show, and the whole message where there are no blocks; already escaped.
            blocks: Block Kit blocks.
            channel: name or id; the settings' channel where not given.

        Returns:
            ``channel`` and ``ts``, which name the message.

        Raises:
            SlackError: no token, a refused one, no such channel, rate limit, or no network. A rate limit of at most
                5 seconds is waited for once.
        """
        from slack_sdk import WebClient
        from slack_sdk.errors import SlackApiError, SlackClientError

        client = WebClient(
            token=self._token(),
            base_url=self._settings.slack_url,
            timeout=max(1, round(self._timeout_s)),
            ssl=trusted(self._settings),
        )
        for last in (False, True):
            try:
                answer = client.chat_postMessage(
                    channel=channel or self._settings.slack_channel, text=text, blocks=blocks, unfurl_links=False
                )
                return {name: _text(answer, name) for name in ("channel", "ts")}
            except SlackApiError as error:
                if error.response.status_code == 429:
                    wait = _seconds(error.response.headers)
                    if last or wait > MAX_WAIT_S:
                        raise SlackError("ratelimited", f"for {wait:g} s") from None
                    time.sleep(wait)
                    continue
                code = str(error.response.get("error")) if isinstance(error.response.data, dict) else ""
                # slack-sdk puts a page that is no JSON under the same key.
                raise SlackError(code if CODE.match(code) else "bad_answer", f"HTTP {error.response.status_code}") from None
            # The causes are not chained: the request in them carries the token.
            except (OSError, http.client.HTTPException) as error:
                raise SlackError("unreachable", type(error).__name__) from None
            except (SlackClientError, ValueError, KeyError, TypeError) as error:
                raise SlackError("bad_answer", type(error).__name__) from None
        raise AssertionError("unreachable")

    def _token(self) -> str:
        token = self._settings.slack_token.get_secret_value().strip()
        if not token:
            raise SlackError("no_token")
        # http.client would put the header's value, and so the token, into its error.
        if not (token.isascii() and token.isprintable()) or " " in token:
            raise SlackError("bad_token")
        return token


def _text(answer: Any, name: str) -> str:
    value = answer.get(name)
    if not isinstance(value, str):
        raise ValueError(f"no {name}")
    return value


def escape(text: object) -> str:
    """Return ``text`` with Slack's three control characters escaped and cut to what one block may hold."""
    plain = str(text)
    if len(plain) > MAX_TEXT:
        plain = plain[: MAX_TEXT - 1] + "…"
    return plain.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


def _seconds(headers: Any) -> float:
    value = next((v for k, v in dict(headers).items() if k.lower() == "retry-after"), None)
    value = value[0] if isinstance(value, list | tuple) and value else value
    try:
        return max(0.0, float(value))  # type: ignore[arg-type]
    except (TypeError, ValueError):
        return MAX_WAIT_S + 1
