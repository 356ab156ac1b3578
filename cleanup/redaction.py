"""The secrets of this process, and texts without them: a webhook's, and those of notification addresses."""

from urllib.parse import quote, unquote

HIDDEN = "<secret>"


class Redactor:
    """Takes every secret that it was told out of a text, percent-encoded or not."""

    def __init__(self, *secrets: str) -> None:
        self._secrets: list[str] = []
        self.hide(*secrets)

    def __repr__(self) -> str:
        return f"<Redactor of {len(self._secrets)} secrets>"

    def hide(self, *secrets: str) -> None:
        forms = {form for secret in secrets if secret for form in (secret, quote(secret, safe=""), unquote(secret))}
        # The longest first: a secret inside another one must not leave the rest of it readable.
        self._secrets = sorted({*self._secrets, *forms}, key=len, reverse=True)

    def __call__(self, text: str) -> str:
        for secret in self._secrets:
            text = text.replace(secret, HIDDEN)
        return text
