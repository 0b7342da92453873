"""Rules of incoming webhooks: a TOML file, named by WF_HOOKS, read once when the API starts.

Each table is a rule, and `POST /hooks/NAME` is where its deliveries go. They need no token: their signature shows who
sends them. A rule makes an event of each delivery, or an instance::

    [order-paid]                             # POST /hooks/order-paid
    scheme = "stripe"                        # standard (Standard Webhooks), stripe or slack
    secret_env = "STRIPE_SECRET"             # variable that holds the secret; ["NEW", "OLD"] while one replaces another
    window = "5 minutes"                     # how old a delivery may be; this is the default
    workflow = "order"
    instance = "order-{body.data.order_id}"  # whom the event is for
    event = "{body.type}"                    # its type: invoice.paid arrives as invoice_paid
    events = {"invoice.paid" = "paid"}       # or: other types by name, and deliveries of no such type do nothing
    payload = "body.data"                    # the part of the body that is handed on; all of it by default
    delivery = "{body.id}"                   # what makes it this delivery, and no other

    [signup]
    scheme = "standard"
    secret_env = "SIGNUP_SECRET"
    workflow = "welcome"
    create = true                            # an instance for each delivery
    id = "user-{body.user.id}"               # its id; by default one made from what `delivery` says

In a text, `{body.a.b}` stands for a value of the JSON body (numbers count items of lists), and with scheme standard
`{headers.webhook-id}` for that header. There are no other headers: they are not signed, so whoever has captured a
delivery could send it again with others. Types of events have letters, digits, '-' and '_' only: any other character
becomes '_'.

A delivery counts once, however often it is sent: senders repeat what they have no answer to. Which one it is says the
header `webhook-id` of Standard Webhooks, or else the body as a whole; `delivery` says it better where a sender
repeats an event with another body, or sends the same body for two events.
"""

from __future__ import annotations

import os
import re
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    StringConstraints,
    TypeAdapter,
    ValidationError,
    model_validator,
)

from wf import durations
from wf.core.names import check_event_type
from wf.errors import InvalidEventType, WfError
from wf.workflow import is_name
from wf_api.problems import UnusableDelivery
from wf_api.signatures import check_key

_PLACE = re.compile(r"\{([^{}]*)\}")
_ID = "headers.webhook-id"
_PATH = re.compile(rf"body(\.[^.{{}}\s]+)*|{re.escape(_ID)}")
_HALF = re.compile(r"[\ud800-\udfff]")  # of a character: a surrogate that stands alone
_NOT_IN_TYPES = re.compile(r"[^a-zA-Z0-9_-]")


class InvalidHooks(WfError):
    """The file of WF_HOOKS cannot be used."""

    code = "settings.invalid_hooks"


def _check_template(text: str) -> str:
    for path in _PLACE.findall(text):
        if not _PATH.fullmatch(path) or path == "body":
            raise ValueError(
                f"{{{path}}} cannot be filled in; there is {{body.a.b}}, and {{{_ID}}} with scheme standard: no other "
                f"header is signed"
            )
    if {"{", "}"} & set(_PLACE.sub("", text)):
        raise ValueError("a brace has no partner")
    return text


def _check_path(text: str) -> str:
    if not _PATH.fullmatch(text) or text == _ID:
        raise ValueError('this is no path such as "body" or "body.data.object"')
    return text


def _check_workflow(text: str) -> str:
    if not is_name(text):
        raise ValueError("no workflow can have this name")
    return text


def _check_types(types: dict[str, str]) -> dict[str, str]:
    for type in types.values():
        try:
            check_event_type(type)
        except InvalidEventType as error:
            raise ValueError(str(error)) from None
    return types


def _seconds(value: Any) -> float:
    found = durations.seconds(value, what="window")
    if not 1 <= found <= 86_400:
        raise ValueError("use something between 1 second and 1 day")
    return found


Name = Annotated[str, StringConstraints(pattern=r"^[a-zA-Z0-9_][a-zA-Z0-9_-]{0,49}$")]
Variable = Annotated[str, StringConstraints(min_length=1)]
Template = Annotated[str, StringConstraints(min_length=1), AfterValidator(_check_template)]


class Rule(BaseModel):
    """What becomes of the deliveries to one address; the module tells what each key means."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    scheme: Literal["standard", "stripe", "slack"]
    secret_env: Annotated[
        tuple[Variable, ...], BeforeValidator(lambda given: (given,) if isinstance(given, str) else given),
        Field(min_length=1, max_length=2),
    ]  # fmt: skip
    window: Annotated[float, BeforeValidator(_seconds)] = 300.0
    workflow: Annotated[str, AfterValidator(_check_workflow)]
    instance: Template | None = None
    event: Template | None = None
    events: Annotated[dict[str, str], AfterValidator(_check_types)] | None = None
    create: bool = False
    id: Template | None = None
    payload: Annotated[str, AfterValidator(_check_path)] = "body"
    delivery: Template | None = None

    @model_validator(mode="after")
    def _check_signed(self) -> Rule:
        for name in ("instance", "event", "id", "delivery"):
            if self.scheme != "standard" and f"{{{_ID}}}" in (getattr(self, name) or ""):
                raise ValueError(f"{name} names {{{_ID}}}, which is signed with scheme standard only")
        return self

    @model_validator(mode="after")
    def _check_kind(self) -> Rule:
        event = {"instance": self.instance, "event": self.event, "events": self.events}
        if self.create:
            if given := [name for name, value in event.items() if value is not None]:
                raise ValueError(f"create = true makes an instance, so {' and '.join(given)} has no meaning")
        elif missing := [name for name in ("instance", "event") if event[name] is None]:
            raise ValueError(f"{' and '.join(missing)} is missing; or create = true, for an instance a delivery")
        elif self.id is not None:
            raise ValueError("id is for create = true; an event is for an `instance`")
        return self


@dataclass(frozen=True)
class Delivery:
    """A delivery whose signature is right.

    Attributes:
        body: The JSON that was sent.
        headers: In lower case.
        raw: The body as it was sent.
    """

    body: Any
    headers: Mapping[str, str]
    raw: bytes


@dataclass(frozen=True)
class Hook:
    """A rule with its name and the keys of its senders."""

    name: str
    rule: Rule
    keys: tuple[bytes, ...]

    def event_type(self, delivery: Delivery) -> str | None:
        """The type of the event that a delivery is; None if the rule has no use for it."""
        assert self.rule.event is not None
        found = self.fill(self.rule.event, delivery, "event")
        return self.rule.events.get(found) if self.rule.events is not None else _NOT_IN_TYPES.sub("_", found)

    def payload(self, delivery: Delivery) -> Any:
        """The part of a delivery that is handed on."""
        return self._value(self.rule.payload, delivery, "payload")

    def delivery_id(self, delivery: Delivery) -> str:
        """The same for each repetition of a delivery, different for any other; fit for an event and an instance."""
        if self.rule.delivery is not None:
            found = self.fill(self.rule.delivery, delivery, "delivery").encode()
        elif self.rule.scheme == "standard":
            found = delivery.headers["webhook-id"].encode()
        else:
            found = delivery.raw
        return f"{self.name}-{sha256(found).hexdigest()[:40]}"

    def fill(self, template: str, delivery: Delivery, what: str) -> str:
        """A text of the rule, filled in.

        Args:
            template: The text.
            delivery: What it is filled from.
            what: The rule's key, for the message.

        Raises:
            UnusableDelivery: Something that it names is missing, or is neither a text nor a whole number, or has half a
                character in it, as JSON can write it.
        """

        def filled(place: re.Match[str]) -> str:
            value = self._value(place[1], delivery, what)
            if not isinstance(value, str | int) or isinstance(value, bool):
                raise UnusableDelivery(
                    f"{place[1]} is neither text nor a whole number; hook {self.name!r} needs it for its {what}."
                )
            found = str(value)
            if _HALF.search(found):
                raise UnusableDelivery(
                    f"{place[1]} is not text in Unicode; hook {self.name!r} needs it for its {what}."
                )
            return found

        return _PLACE.sub(filled, template)

    def _value(self, path: str, delivery: Delivery, what: str) -> Any:
        root, *parts = path.split(".")
        value: Any = delivery.body if root == "body" else delivery.headers
        for part in parts:
            if isinstance(value, Mapping) and part in value:
                value = value[part]
            elif isinstance(value, list) and part.isdecimal() and int(part[:9]) < len(value):
                value = value[int(part[:9])]
            else:
                raise UnusableDelivery(f"There is no {path}; hook {self.name!r} needs it for its {what}.")
        return value


def read_hooks(file: str) -> dict[str, Hook]:
    """The hooks of a file; none if no file is named.

    Raises:
        InvalidHooks: It cannot be read, or a rule of it cannot be used; the message names rule and key.
    """
    if not file:
        return {}
    try:
        rules = TypeAdapter(dict[Name, Rule]).validate_python(tomllib.loads(Path(file).read_text()))
    except (OSError, tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise InvalidHooks(f"WF_HOOKS: {file!r} cannot be read: {error}") from None
    except ValidationError as error:
        raise InvalidHooks(f"WF_HOOKS: {file!r} cannot be used: {'; '.join(map(_told, error.errors()))}") from None
    return {name: Hook(name, rule, _keys(file, name, rule)) for name, rule in rules.items()}


def _keys(file: str, name: str, rule: Rule) -> tuple[bytes, ...]:
    found = []
    for variable in rule.secret_env:
        try:
            found.append(check_key(rule.scheme, os.environ.get(variable, "")))
        except ValueError as error:
            raise InvalidHooks(
                f"WF_HOOKS: {file!r} cannot be used: rule {name!r}, secret_env: the secret in {variable}: {error}"
            ) from None
    return tuple(found)


def _told(fault: Mapping[str, Any]) -> str:
    rule, *keys = [part for part in fault["loc"] if part != "[key]"] or [""]
    where = f"rule {rule!r}" + (f", {'.'.join(map(str, keys))}" if keys else "")
    return f"{where}: {fault['msg'].removeprefix('Value error, ')}"
