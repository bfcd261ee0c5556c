"""From the bytes of a policy file to its model, every fault as one sentence."""

from __future__ import annotations

import difflib
import re
from collections.abc import Hashable
from pathlib import Path
from typing import Any

import yaml
from pydantic import BaseModel, ValidationError

from data_contracts.policies.documents import PolicyFile, Rule, TermValues, When
from data_contracts.policies.errors import PolicyError
from data_contracts.yaml_text import PlainLoader

__all__ = ["parse_policy", "policy_files", "read_packaged", "read_policy"]

_LARGEST = 1_000_000
_DEEPEST = 20


class _Loader(PlainLoader):
    """YAML as its author means it: no key twice, and NO is Norway, not a truth."""

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Hashable, Any]:
        seen = set()
        for key, _ in node.value:
            if key.value in seen and isinstance(key.value, str):
                raise yaml.constructor.ConstructorError(
                    None, None, f"the key {key.value!r} is given twice; keep one", key.start_mark
                )
            seen.add(key.value if isinstance(key.value, str) else id(key))
        return super().construct_mapping(node, deep=deep)


class _OwnLoader(yaml.CSafeLoader if yaml.__with_libyaml__ else yaml.SafeLoader):  # type: ignore[misc]
    """The same for the packaged policies, which the service reads as it starts: in C."""


for _each in (_Loader, _OwnLoader):
    _each.yaml_implicit_resolvers = {
        first: [(tag, rule) for tag, rule in rules if tag != "tag:yaml.org,2002:bool"]
        for first, rules in yaml.SafeLoader.yaml_implicit_resolvers.items()
    }
    _each.add_implicit_resolver(
        "tag:yaml.org,2002:bool",
        re.compile(r"^(?:true|True|TRUE|false|False|FALSE)$"),
        list("tTfF"),
    )


def policy_files(folder: Path | None) -> tuple[Path, ...]:
    """Give the policy files of the shop's folder, by name.

    Raises
    ------
    PolicyError
        The folder does not exist.
    """
    if folder is None:
        return ()
    if not folder.is_dir():
        raise PolicyError(f"{folder}: is not a folder; name the folder of the shop's policy files")
    return tuple(sorted(path for path in folder.iterdir() if path.suffix in (".yaml", ".yml")))


def read_policy(path: Path) -> PolicyFile:
    """Read one policy file.

    Raises
    ------
    PolicyError
        The file cannot be read, is not YAML, or is not a policy: one sentence for each fault.
    """
    try:
        if path.stat().st_size > _LARGEST:
            raise PolicyError(f"{path}: is larger than 1 MB; split it into several files")
        text = path.read_text(encoding="utf-8-sig")
    except OSError as error:
        raise PolicyError(f"{path}: cannot be read: {error.strerror}") from None
    except UnicodeDecodeError:
        raise PolicyError(f"{path}: is not UTF-8 text; save it as UTF-8") from None
    return parse_policy(_yaml(text, str(path)), str(path))


def read_packaged(path: Path) -> PolicyFile:
    """Read a policy file of this package, as :func:`read_policy` does in ten times the time."""
    text = path.read_text(encoding="utf-8")
    return parse_policy(yaml.load(text, Loader=_OwnLoader), path.name)  # noqa: S506 (a SafeLoader)


def _yaml(text: str, file: str) -> object:
    try:
        if problem := _unwanted(text):
            raise PolicyError(f"{file}: {problem}")  # noqa: TRY301 (one sentence, as below)
        return yaml.load(text, Loader=_Loader)  # noqa: S506 (a SafeLoader)
    except PolicyError:
        raise
    except yaml.MarkedYAMLError as error:
        line = _line(error.problem_mark)
        raise PolicyError(f"{file}: {line}is not YAML: {error.problem or error.context}") from None
    except (yaml.YAMLError, ValueError, TypeError, RecursionError) as error:
        said = " ".join(str(error).split())
        raise PolicyError(f"{file}: is not YAML: {said}") from None


def _unwanted(text: str) -> str | None:
    """Say what makes this YAML dear or endless to read: aliases and depth."""
    depth = 0
    for event in yaml.parse(text, Loader=_Loader):
        if isinstance(event, yaml.AliasEvent):
            return (
                f"{_line(event.start_mark)}aliases (*{event.anchor}) are not taken; write the "
                "value out, or name a group"
            )
        depth += isinstance(event, yaml.CollectionStartEvent)
        depth -= isinstance(event, yaml.CollectionEndEvent)
        if depth > _DEEPEST:
            return f"is nested deeper than {_DEEPEST} levels; flatten it"
    return None


def _line(mark: yaml.Mark | Any | None) -> str:
    return "" if mark is None else f"line {mark.line + 1}: "


def parse_policy(content: object, file: str) -> PolicyFile:
    """Turn what YAML holds into a policy file.

    Parameters
    ----------
    content
        Whatever YAML can hold.
    file
        Its name, for messages.

    Raises
    ------
    PolicyError
        One sentence for each fault: file, rule, key, value, what to do.
    """
    if not isinstance(content, dict):
        held = "nothing" if content is None else _shown(content)
        raise PolicyError(f"{file}: must hold keys such as 'rules', and holds {held}")
    try:
        # By the types of YAML, where a list is what a tuple is here.
        return PolicyFile.model_validate(content)
    except ValidationError as error:
        problems = [_sentence(dict(each), content, file) for each in error.errors()]
    except RecursionError:
        problems = [f"{file}: is nested too deeply; flatten it"]
    raise PolicyError(list(dict.fromkeys(problems)))


def _sentence(error: dict[str, Any], content: dict[Any, Any], file: str) -> str:
    of_key = "[key]" in error["loc"]
    place = [part for part in error["loc"] if part != "[key]"]
    where = [file]
    if len(place) >= 2 and place[0] == "rules" and isinstance(place[1], int):
        where.append(f"rule {_rule_name(content, place[1])}")
        place = place[2:]
    key = ".".join(str(part) for part in place)
    kind, value = error["type"], error["input"]
    if kind == "extra_forbidden":
        within = place[:-1] or ["rules"] * (len(where) > 1)
        said = f"unknown key {key!r}; {_hint(str(place[-1]), within)}"
    elif of_key:
        said = f"unknown key {key!r}; it {_what(kind, error)}"
    elif kind == "missing":
        said = f"the key {key!r} is missing; add it"
    else:
        said = f"{key} = {_shown(value)}: " if key and not isinstance(value, dict) else ""
        said = said or (f"{key}: " if key else "")
        said += _what(kind, error)
    return ": ".join((*where, said))


_ADVICE = {
    "int_type": "must be a whole number",
    "int_parsing": "must be a whole number",
    "int_from_float": "must be a whole number",
    "float_type": "must be a number",
    "float_parsing": "must be a number",
    "finite_number": "must be a finite number",
    "bool_type": "must be true or false",
    "string_type": "must be text; put it in quotes",
    "tuple_type": "must be a list; write it as [one, other]",
    "dict_type": "must hold keys",
    "model_type": "must hold keys",
    "string_too_short": "must not be empty",
    "too_short": "must not be empty; leave the key out instead",
    "date_from_datetime_parsing": "must be a date; write it as 2026-01-31",
    "date_type": "must be a date; write it as 2026-01-31",
}


def _what(kind: str, error: dict[str, Any]) -> str:
    limits = error.get("ctx", {})
    if kind in ("less_than_equal", "greater_than_equal", "greater_than"):
        bound = limits.get("le", limits.get("ge", limits.get("gt")))
        if kind == "less_than_equal" and bound == 1:
            return "is above 1 (100 %); give a share between 0 and 1"
        if kind == "less_than_equal":
            return f"is above the most that is taken, {bound:g}"
        return f"must {'be above' if kind == 'greater_than' else 'not be below'} {bound:g}"
    if kind == "literal_error":
        return f"must be one of {limits['expected']}"
    if kind == "string_pattern_mismatch":
        patterns = {
            r"^[A-Z]{3}$": "must be an ISO 4217 code such as EUR",
        }
        return patterns.get(
            limits["pattern"],
            "must be small letters, digits, -, _ and dots, such as shop.baby_window",
        )
    return _ADVICE.get(kind, str(error["msg"]).removeprefix("Value error, "))


def _rule_name(content: dict[Any, Any], index: int) -> str:
    rules = content.get("rules")
    rule = rules[index] if isinstance(rules, (list, tuple)) and index < len(rules) else None
    name = rule.get("id") if isinstance(rule, dict) else None
    return name[:80] if isinstance(name, str) and name else f"number {index + 1}"


def _hint(name: str, place: list[Any]) -> str:
    models: dict[str, type[BaseModel]] = {"rules": Rule, "when": When, "set": TermValues}
    model = models.get(str(place[-1])) if place else PolicyFile
    if model is None:
        return "remove it, or see the keys in policy.schema.json"
    known = list(model.model_fields)
    close = difflib.get_close_matches(name, known, n=1)
    return f"did you mean {close[0]}?" if close else f"known: {', '.join(known)}"


def _shown(value: object) -> str:
    words = {None: "null", True: "true", False: "false"}
    text = words[value] if value is None or isinstance(value, bool) else repr(value)
    return text if len(text) <= 80 else f"{text[:77]}..."
