"""What a message does beside what it asks for: leans on another, protests, forbids, says yes or no."""

import re
from collections.abc import Sequence

from enactor.trace.values import Message

_REFERS = re.compile(
    r"\b(?:it|them|that|those|these|this|again|another|more|same|as many|as much|other|instead|too|also|back|"
    r"bk|one|ones|retry|repeat|resume|continue|nothing|i said|(?:do|send|say) it|you (?:didn'?t|did not)|"
    r"didn'?t|no|not|zero|c'?mon|meant|mistake|my bad|typo|oops|misspoke|wrong|mixed up|"
    r"(?:for|4) real|how (?:many times|often)|\d+ (?:loops|rounds|times|runs))\b",
    re.IGNORECASE,
)


def refers(message: str) -> bool:
    """Whether the message leans on what was said before."""
    return _REFERS.search(message) is not None


_PROTEST = re.compile(
    r"\b(?:(?:do not|don'?t|stop|quit|no more) (?:explain|describ)\w*|"
    r"(?:only|less|all|no more) (?:talk|words)|"
    r"(?<!not )(?<!don't )(?<!dont )(?:just|actually|really) (?:do|execute|act)(?: (?:it|that|so|now))?"
    r"(?=\W*$)|"
    r"(?:nothing|none of (?:it|that|them)) (?:happened|worked|moved|started|was done|got done)|"
    r"(?:did not|didn'?t) (?:\w+ )?(?:do|execute|act|call|start|send|run)|"
    r"never (?:did|executed|acted|called|started|sent|ran)|not (?:doing|executing|acting|calling|sending))\b",
    re.IGNORECASE,
)


def protests(message: str, history: Sequence[Message]) -> bool:
    """Whether the player objects that the request before was only talked about. What forbids ("don't do
    that") is no protest, and neither is an answer to a question."""
    if not history or history[-1].role != "assistant" or history[-1].tool_calls:
        return False
    asked = history[-1].content.rstrip().endswith("?")
    return not asked and _PROTEST.search(message.replace("’", "'")) is not None


_ACTS = (
    "kill|attack|fight|eat|drop|bank|sell|buy|deposit|withdraw|walk|run (?:to|away)|open|close|bury|cook|"
    "fish|mine|chop|cut|cast|teleport|tele|use|equip|wear|take|pick|talk to|trade|light|burn|smelt|touch|"
    "switch|loot|click|move|go (?:to|near|anywhere|back)"
)
_FORBIDS = re.compile(
    r"^\W*(?:(?:please|pls|plz|ok|okay|no|hey|yo|bro|man|just|also|and|so|whatever you do)\W+)*"
    r"(?:(?:hold off (?:on|with)|forget about|enough about) \w+ing"
    r"|(?:(?:you |u )?(?:don'?t|do not|never|needn'?t|mustn'?t|must not|shouldn'?t|should not|better not)"
    r"(?: (?:have|need) to| ever| you dare(?: to)?)?|no need to)"
    rf" (?:{_ACTS}))\b(?P<rest>.*)$",
    re.IGNORECASE | re.DOTALL,
)
# What follows may be asked for all the same: "don't bank it, drop it", "don't eat until ...".
_GOES_ON = re.compile(
    r"[.,;:!?\n]\s*\w+\s+\w"
    r"|\b(?:but|instead|then|just|until|till|unless|before|when|if|while|more than|past)\b",
    re.IGNORECASE,
)


def forbids(message: str) -> bool:
    """Whether the message only says what not to do."""
    found = _FORBIDS.match(message.replace("’", "'"))
    return found is not None and _GOES_ON.search(found["rest"]) is None


_YES = frozenset(
    {"y", "yes", "yeah", "yep", "yup", "ok", "okay", "sure", "confirm", "do it", "go ahead", "yes please"}
)
_NO = frozenset({"n", "no", "nope", "nah", "cancel", "never mind", "nevermind", "don't", "dont", "no thanks"})


def answer(message: str) -> str | None:
    """`yes` or `no` where the message says just that."""
    word = message.strip().strip(".!").casefold()
    return "yes" if word in _YES else "no" if word in _NO else None
