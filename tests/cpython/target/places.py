"""Where frames and awaited objects stand."""

# It runs on interpreters that know no newer syntax, and its odd classes are what it is for.
# ruff: noqa: ANN001, ANN201


def place(frame):
    """Name, file and line of a frame."""
    code = frame.f_code
    return [getattr(code, "co_qualname", code.co_name), code.co_filename, frame.f_lineno]


def chain_of(awaited):
    """Places of the coroutines in an await chain, as far as the language itself shows them."""
    found = []
    while awaited is not None:
        kind = type(awaited).__name__
        prefix = {"coroutine": "cr", "generator": "gi", "async_generator": "ag"}.get(kind)
        if prefix is None:
            break
        frame = getattr(awaited, prefix + "_frame")
        if frame is None:
            break
        found.append(place(frame))
        awaited = getattr(awaited, prefix + ("_yieldfrom" if prefix == "gi" else "_await"))
    return found
