"""api/openapi.yaml: read without duplicate keys, checked in itself (lint), and values held against its schemas. The part of JSON
Schema 2020-12 that the contract uses is checked whole; a keyword that is not known here is a mistake of the contract, so nothing
in it goes unchecked. Standard library and PyYAML only."""
import datetime
import os
import re
import urllib.parse
import uuid

import yaml

HERE = os.path.dirname(os.path.abspath(__file__))
ROOT = os.path.dirname(os.path.dirname(HERE))
PATH = os.path.join(ROOT, "api", "openapi.yaml")
METHODS = ("get", "post", "put", "patch", "delete", "head", "options", "trace")


class Failed(Exception):
    pass


def expect(ok, *words):
    if not ok:
        raise Failed(" ".join(str(w) for w in words))


class Loader(yaml.SafeLoader):
    """YAML keeps the last of two equal keys; here that is an error."""

    def construct_mapping(self, node, deep=False):
        keys = [k.value for k, _ in node.value if k.tag != "tag:yaml.org,2002:merge"]
        if not getattr(node, "merged", False):
            for k in keys:
                expect(keys.count(k) == 1, f"{node.start_mark.line + 1}: the key {k} stands twice")
        node.merged = True
        return super().construct_mapping(node, deep)


# a time stays the text it is
Loader.yaml_implicit_resolvers = {k: [(t, r) for t, r in v if t != "tag:yaml.org,2002:timestamp"]
                                  for k, v in yaml.SafeLoader.yaml_implicit_resolvers.items()}

with open(PATH, encoding="utf-8") as f:
    CONTRACT = yaml.load(f, Loader)


def resolve(node):
    while isinstance(node, dict) and "$ref" in node:
        target = CONTRACT
        for part in node["$ref"][2:].split("/"):
            target = target[part.replace("~1", "/").replace("~0", "~")]
        node = target
    return node


# ---- values ----

TYPES = {"object": dict, "array": list, "string": str, "integer": int, "number": (int, float), "boolean": bool, "null": type(None)}
TEXT = {"summary", "description", "title", "default", "example", "examples", "contentEncoding", "deprecated"}
KNOWN = TEXT | {"$ref", "const", "enum", "type", "minimum", "maximum", "minLength", "maxLength", "pattern", "format", "items",
                "minItems", "maxItems", "uniqueItems", "required", "properties", "additionalProperties", "maxProperties", "oneOf"}


def is_type(value, name):
    if name in ("integer", "number") and isinstance(value, bool):
        return False
    return isinstance(value, TYPES[name]) or (name == "integer" and isinstance(value, float) and value.is_integer())


def equal(a, b):
    return a == b and isinstance(a, bool) == isinstance(b, bool)


def check_format(value, name, where):
    try:
        if name == "uuid":
            expect(str(uuid.UUID(value)) == value, where, "is", value, "not a UUID")
        elif name == "date":
            datetime.date.fromisoformat(value)
        elif name == "date-time":
            expect(re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d{1,9})?Z", value), where, "is", value, "not a time in UTC")
            datetime.datetime.fromisoformat(value.rstrip("Z"))
        elif name == "uri":
            u = urllib.parse.urlsplit(value)
            expect(u.scheme and u.netloc, where, "is", value, "not a URI")
        else:
            raise Failed(f"{where}: the format {name} is not known here")
    except ValueError as e:
        raise Failed(f"{where} is {value}: {e}") from e


def check_text(value, s, where):
    expect(len(value) >= s.get("minLength", 0), where, "is too short:", repr(value))
    expect(len(value) <= s.get("maxLength", 1 << 40), where, "is too long:", len(value))
    expect(re.search(s.get("pattern", ""), value), where, "is", repr(value), "which is not", s.get("pattern"))
    if "format" in s:
        check_format(value, s["format"], where)


def check_object(value, s, where):
    expect(len(value) <= s.get("maxProperties", 1 << 40), where, "has too many members")
    for name in s.get("required", []):
        expect(name in value, where, "lacks", name)
    known, more = s.get("properties", {}), s.get("additionalProperties", True)
    for name, item in value.items():
        if name in known:
            check_schema(item, known[name], where + "/" + name)
        elif isinstance(more, dict):
            check_schema(item, more, where + "/" + name)
        else:
            expect(more, where, "has the undocumented member", name)


def check_list(value, s, where):
    expect(s.get("minItems", 0) <= len(value) <= s.get("maxItems", 1 << 40), where, "has", len(value), "items")
    if s.get("uniqueItems"):
        expect(all(not equal(a, b) for i, a in enumerate(value) for b in value[:i]), where, "repeats an item")
    for i, item in enumerate(value):
        check_schema(item, s.get("items", {}), f"{where}/{i}")


def fits(value, schema):
    try:
        check_schema(value, schema, "")
        return True
    except Failed:
        return False


def check_schema(value, schema, where):
    s = resolve(schema)
    if "const" in s:
        expect(equal(value, s["const"]), where, "is", value, "not", s["const"])
    if "enum" in s:
        expect(any(equal(value, e) for e in s["enum"]), where, "is", value, "not one of", s["enum"])
    if "type" in s:
        names = s["type"] if isinstance(s["type"], list) else [s["type"]]
        expect(any(is_type(value, n) for n in names), where, "is", repr(value), "not", names)
    if "oneOf" in s:
        n = sum(fits(value, o) for o in s["oneOf"])
        expect(n == 1, where, "fits", n, "of the alternatives")
    if isinstance(value, str):
        check_text(value, s, where)
    if isinstance(value, (int, float)) and not isinstance(value, bool):
        expect(s.get("minimum", value) <= value <= s.get("maximum", value), where, "is", value, "out of range")
    if isinstance(value, dict):
        check_object(value, s, where)
    if isinstance(value, list):
        check_list(value, s, where)


# ---- the contract itself ----


def operations():
    """(method, pattern, operation, parameters) of every operation"""
    for pattern, item in CONTRACT["paths"].items():
        for method in METHODS:
            if method in item:
                own = [resolve(p) for p in item.get("parameters", []) + item[method].get("parameters", [])]
                yield method.upper(), pattern, item[method], own


def scopes_of(op):
    """None: no key is needed; else the scopes"""
    security = op.get("security", CONTRACT.get("security", []))
    return None if not security else [scope for way in security for s in way.values() for scope in s]


def lint_refs(node, where, used):
    if isinstance(node, dict):
        if "$ref" in node:
            expect(isinstance(node["$ref"], str) and node["$ref"].startswith("#/"), where, "refers outside")
            try:
                resolve(node)
            except (KeyError, TypeError) as e:
                raise Failed(f"{where}: {node['$ref']} is nowhere") from e
            used.add(node["$ref"])
        for k, v in node.items():
            lint_refs(v, f"{where}/{k}", used)
    elif isinstance(node, list):
        for i, v in enumerate(node):
            lint_refs(v, f"{where}/{i}", used)


def lint_schema(s, where):
    expect(isinstance(s, dict), where, "is no schema")
    for k in s:
        expect(k in KNOWN, where, "has the keyword", k, "which nothing checks")
    if "$ref" in s:
        return
    for n in [s["type"]] if isinstance(s.get("type"), str) else s.get("type", []):
        expect(n in TYPES, where, "has the type", n)
    if "pattern" in s:
        re.compile(s["pattern"])
    if s.get("type") == "object" and "properties" in s:
        expect("additionalProperties" in s, where, "does not say whether there can be more members")
        for name in s.get("required", []):
            expect(name in s["properties"], where, "requires", name, "which it does not describe")
    for name, p in s.get("properties", {}).items():
        lint_schema(p, f"{where}/{name}")
    if isinstance(s.get("additionalProperties"), dict):
        lint_schema(s["additionalProperties"], where + "/*")
    if "items" in s:
        lint_schema(s["items"], where + "/[]")
    for i, e in enumerate(s.get("examples", [])):
        check_schema(e, s, f"{where} example {i + 1}")
    if "default" in s:
        check_schema(s["default"], s, where + " default")


def lint_content(content, where, example_needed):
    for kind, media in content.items():
        expect(set(media) <= {"schema", "examples"} and "schema" in media, where, kind, "has", list(media))
        lint_schema(media["schema"], f"{where} {kind}")
        for name, e in media.get("examples", {}).items():
            expect(set(e) <= {"value", "summary"}, where, name)
            check_schema(e["value"], media["schema"], f"{where} {kind} example {name}")
        if kind == "application/json" and example_needed and media["schema"]:
            expect(media.get("examples") or resolve(media["schema"]).get("examples"), where, "has no example")


def lint_headers(headers, where):
    for name, h in headers.items():
        h = resolve(h)
        expect(set(h) <= {"description", "required", "schema", "example"} and "schema" in h, where, "header", name)
        lint_schema(h["schema"], f"{where} header {name}")


def lint_response(r, where, example_needed=True):
    r = resolve(r)
    expect(r.get("description"), where, "is not described")
    expect(set(r) <= {"description", "headers", "content"}, where, "has", list(r))
    lint_headers(r.get("headers", {}), where)
    lint_content(r.get("content", {}), where, example_needed)


def lint_operation(method, pattern, op, parameters, tags):
    where = f"{method} {pattern}"
    expect(op.get("summary") and op.get("responses"), where, "lacks a summary or responses")
    expect(op.get("tags") and set(op["tags"]) <= tags, where, "has no tag that is declared")
    in_path = [p["name"] for p in parameters if p["in"] == "path"]
    expect(sorted(in_path) == sorted(re.findall(r"\{(\w+)\}", pattern)), where, "describes the parameters", in_path)
    for p in parameters:
        expect(p["in"] in ("path", "query", "header") and (p["in"] != "path" or p.get("required") is True), where, p)
        lint_schema(p["schema"], f"{where} {p['name']}")
        if "example" in p:
            check_schema(p["example"], p["schema"], f"{where} {p['name']} example")
    for scope in scopes_of(op) or []:
        expect(scope in CONTRACT["components"]["schemas"]["Scope"]["enum"], where, "wants the scope", scope)
    if pattern.startswith("/v1/") and pattern != "/v1/audit/key":
        expect(scopes_of(op), where, "asks for no scope")
    if "requestBody" in op:
        lint_content(op["requestBody"]["content"], where + " body", True)
    expect(any(s.startswith("2") for s in op["responses"]), where, "never succeeds")
    for status, r in op["responses"].items():
        expect(re.fullmatch(r"[1-5](\d\d|XX)", status), where, status)
        lint_response(r, f"{where} {status}", status != "206")


def lint():
    c, used = CONTRACT, set()
    expect(c["openapi"].startswith("3.1."), "the contract is", c["openapi"])
    expect(c["info"]["title"] and c["info"]["version"] and c["info"]["license"]["name"], "info")
    lint_refs(c, "#", used)
    for group, members in c["components"].items():
        for name in members:
            expect(group == "securitySchemes" or f"#/components/{group}/{name}" in used or name in ("JobEvent", "JobProgress"),
                   group, name, "is used nowhere")
    for name, s in c["components"]["schemas"].items():
        lint_schema(s, name)
    for name, r in c["components"]["responses"].items():
        lint_response(r, name)
    lint_headers(c["x-every-answer"]["headers"], "x-every-answer")
    tags, ids = {t["name"] for t in c["tags"]}, []
    for method, pattern, op, parameters in operations():
        lint_operation(method, pattern, op, parameters, tags)
        ids.append(op["operationId"])
    expect(len(ids) == len(set(ids)), "an operationId stands twice")
    for name, hook in c.get("webhooks", {}).items():
        lint_content(hook["post"]["requestBody"]["content"], name, True)
    return len(ids)


if __name__ == "__main__":
    print(lint(), "operations, each described in whole")
