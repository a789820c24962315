"""Names of Values and of composites: what may be one."""

NAMELESS = ""


def check_name(name: object, whose: str) -> None:
    """TypeError if it is no str; ValueError for half a character, which no file and no terminal takes."""
    if not isinstance(name, str):
        raise TypeError(
            f"{whose}'s name is a str, not {type(name).__name__}; write name=str(...)"
        )
    check_whole(name, f"{whose}'s name")


def check_whole(text: str, what: str, word: str = "name") -> None:
    """ValueError for half a character; ``word`` is what the advice calls the text."""
    try:
        text.encode()
    except UnicodeEncodeError as error:
        what = f"{what} has half a character (a lone surrogate) in place {error.start}: {text!r:.60}"
        advice = f"it must be whole, as by {word}.encode(errors='replace').decode()"
        raise ValueError(f"{what}; {advice}") from None


def one_name(name: str, label: str = "") -> str:
    """A Value's name, which may be given as its label.

    Raises TypeError for what is no str, and for two names; ValueError for half a character.
    """
    for text in (name, label):
        if isinstance(text, (tuple, list, set)):  # pyright: ignore[reportUnnecessaryIsInstance]
            what = f"a Value's name is a str, not {type(text).__name__}"
            raise TypeError(
                f"{what}; write name=str(...); operands are recorded by an op, such as x * y"
            )
        check_name(text, "a Value")
    if name and label and name != label:
        raise TypeError(
            f"a Value has one name, and label= is the same; not {name!r} and {label!r}"
        )
    return name or label


class Named:
    """What has a name, which is checked when it is given; also called ``label``."""

    __slots__ = ()
    _name: str = NAMELESS

    @property
    def name(self) -> str:
        """What pictures and formulas call it; also ``label``."""
        return self._name

    @name.setter
    def name(self, text: str) -> None:
        self._name = one_name(text)

    label = name
