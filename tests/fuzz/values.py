"""Hostile values, drawn by a seeded generator."""

from __future__ import annotations

from random import Random

NUMBERS = (
    *("0", "1", "-1", "2", "3", "1.5", "inf", "-inf", "nan", "1e999", "1e-400", "9" * 30, "-" + "9" * 30, "9" * 5000),
    *(
        "2147483648",
        "0x10",
        "1_000",
        "٣",
        "½",
        "1e3",
        "+5",
        " 7 ",
        "1,0.5",
        "1,,2",
        "0..1",
        "1..0",
        "1e-4..1:log",
        ".5",
    ),
)
PATHS = (
    *(
        "",
        ".",
        "..",
        "nowhere/x",
        "../../x",
        "a/../b",
        "x.json",
        "x.zip",
        "x.csv",
        "x.html",
        "x.nwk",
        "-",
        "--",
        "---",
        "~",
        "~/x",
    ),
    *("a" * 300, "a" * 300 + ".json", "a/" * 300, "pipe.json", "pipe.csv", "pipe.zip", "socket.json", "folder.json"),
    *("link.json", "empty.json", "noise.json", "noise.zip", "noise.csv", "tree.json", "tree.csv", "CON", "nul.json"),
)
WORDS = (
    *("![x](http://evil.example/a.png) [y](http://evil.example)", "<script>alert(1)</script>", "=cmd|' /C calc'!A0"),
    *("'; DROP TABLE runs; --", "%00", "%s%n", "{0}", "${HOME}", "$(id)", "`id`", "\n", "a\nb", "\t", "\r", "\u2028"),
    *(
        "\u202eevil",
        "\ufeff",
        "e\u0301",
        "\u00e9",
        "\U0001f600",
        "\ud800",
        "\udcff",
        "ﬁ",
        "İ",
        "K",
        "🇩🇪",
        "\u200b",
        "\x7f",
    ),
    *("this:x", "os.path:join", "lib2to3.__main__:x", "a.b.c:d", "a:b:c", ":", "x" * 10_000, "None", "null", "true"),
    *(
        "all",
        "own",
        "lab:figure-7",
        "lab:unbalanced-99",
        "ordinal:0.5",
        "ordinal:1",
        "ordinal:nan",
        "tag:x",
        "1-3",
        "3-1",
    ),
    *(
        "digits",
        "cifar10",
        "cifar10-names",
        "hierarchical",
        "simloss",
        "level-wise",
        "lenet",
        "adam",
        "cosine",
        "median",
    ),
    *(
        "mass=0",
        "mass=nan",
        "weights=1,0",
        "similarity=../../x",
        "learning_rate=0..1",
        "model=lenet,this:x",
        "=",
        "a=b=c",
    ),
)
EVERY = (*NUMBERS, *PATHS, *WORDS)


def value(generator: Random) -> str:
    """Draw a value: one of the above, several joined, or random characters."""
    kind = generator.random()
    if kind < 0.75:
        return generator.choice(EVERY)
    if kind < 0.9:
        return "".join(generator.choices(EVERY, k=2))[:5000]
    return "".join(
        chr(generator.choice((generator.randrange(1, 128), generator.randrange(1, 0xD800)))) for _ in range(9)
    )


def name(generator: Random) -> str:
    """Draw a value that may also have a NUL character, which no argument of a program can."""
    drawn = value(generator)
    return drawn if generator.random() < 0.9 else f"{drawn}\0{generator.choice(EVERY)}"
