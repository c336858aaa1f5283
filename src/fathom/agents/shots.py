"""Examples shown to small models in the guided policy. People, works and places in them are made up."""

PLAN_SHOTS = (
    (
        "When was the mother of Anders Vik born?",
        {"lookups": ["Who is the mother of Anders Vik?", "When was #1 born?"], "combine": "last"},
    ),
    (
        "Which film was released later, Grey Harbour or Two Lanterns?",
        {"lookups": ["When was Grey Harbour released?", "When was Two Lanterns released?"], "combine": "later"},
    ),
    ("How long is the river Oma?", {"lookups": ["How long is the river Oma?"], "combine": "last"}),
    (
        "Are Lena Roth and Ivo Marek from the same country?",
        {"lookups": ["Which country is Lena Roth from?", "Which country is Ivo Marek from?"], "combine": "same"},
    ),
    (
        "Where did the director of film Salt Road die?",
        {"lookups": ["Who is the director of film Salt Road?", "Where did #1 die?"], "combine": "last"},
    ),
)

EXTRACT_SHOTS = (
    (
        "Ludwig Haas (12 March 1901 - 4 June 1977) was a German painter, born in Munich. He died in Vienna.",
        "What is the place of birth of Ludwig Haas?",
        "Munich",
    ),
    (
        "The Silver Road is a 1962 Italian drama film directed by Carla Rossi and starring Ugo Bianchi.",
        "Who is the director of The Silver Road?",
        "Carla Rossi",
    ),
    (
        "Anna of Holm (1402 - 8 May 1450) was a countess, the daughter of Count Erik II and his wife Sophie.",
        "Who is the father of Anna of Holm?",
        "Count Erik II",
    ),
    ("Paul Reed (born June 3, 1955) is an American songwriter.", "When was Paul Reed born?", "June 3, 1955"),
)
