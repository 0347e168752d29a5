"""Where the text of a number or a duration ends, by the rules of the lexer."""

ALPHA = frozenset("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz_")
DIGIT = frozenset("0123456789")
ALPHANUMERIC = ALPHA | DIGIT


class _Cursor:
    """A position in the text that moves over expected characters."""

    __slots__ = ("position", "text")

    def __init__(self, text: str, position: int) -> None:
        self.text = text
        self.position = position

    def peek(self) -> str:
        return self.text[self.position : self.position + 1]

    def accept(self, chars: str) -> bool:
        char = self.peek()
        if not char or char not in chars:
            return False
        self.position += 1
        return True

    def accept_run(self, chars: str) -> bool:
        start = self.position
        while self.accept(chars):
            pass
        return self.position > start


def scan_number(text: str, start: int) -> tuple[bool, int]:
    """Whether a number stands at `start`, and where the scan stopped (an error names the text
    until there). The number may still be no valid one: that is found when it is read."""
    cursor = _Cursor(text, start)
    digits = "0123456789"
    if cursor.accept("0") and cursor.accept("xX"):
        cursor.accept("_")
        digits = "0123456789abcdefABCDEF"
    cursor.accept(".")
    cursor.accept(digits)
    had_dot = had_exponent = False
    while (char := cursor.peek()) and char in digits + "._eE":
        if (char == "." and had_dot) or (char in "eE" and had_exponent):
            return False, cursor.position + 1
        if cursor.accept("."):
            had_dot = True
            # Hexadecimal numbers have no fraction.
            if cursor.accept("_.") or len(digits) > 10:
                return False, cursor.position
        elif cursor.accept("eE"):
            had_exponent = True
            cursor.accept("+-")
            if cursor.accept("._eE") or not cursor.peek():
                return False, cursor.position
        elif cursor.accept("_"):
            if cursor.accept("._eE") or not cursor.peek():
                return False, cursor.position
        else:
            cursor.accept_run(digits)
    is_number = cursor.position > start and cursor.peek() not in ALPHANUMERIC
    return is_number, cursor.position


def scan_duration_rest(text: str, position: int) -> tuple[bool, int]:
    """The part of a duration after its first number: whether it is one, and where it ends."""
    cursor = _Cursor(text, position)
    if not cursor.accept("smhdwy"):
        return False, cursor.position
    cursor.accept("s")
    while cursor.accept_run("0123456789"):
        if not cursor.accept("smhdw"):
            return False, cursor.position
        cursor.accept("s")
    if cursor.peek() in ALPHANUMERIC:
        return False, cursor.position + 1
    return True, cursor.position
