"""The words that slots draw from where no table of the world holds them: counts, directions, tabs, topics."""

WORD_COUNTS = {
    **{"two": 2, "three": 3, "four": 4, "five": 5, "six": 6, "seven": 7, "eight": 8, "ten": 10},
    **{"a dozen": 12, "twelve": 12, "fifteen": 15, "twenty": 20, "thirty": 30, "forty": 40, "fifty": 50},
    **{"a hundred": 100, "one hundred": 100, "two hundred": 200, "three hundred": 300, "five hundred": 500},
    **{
        "a thousand": 1000,
        "twenty five": 25,
        "1k": 1000,
        "2k": 2000,
        "5k": 5000,
        "10k": 10000,
        "half a dozen": 6,
    },
}
COUNTS = (
    2,
    3,
    5,
    7,
    8,
    10,
    12,
    14,
    15,
    18,
    20,
    25,
    27,
    28,
    30,
    33,
    40,
    45,
    50,
    60,
    69,
    75,
    80,
    100,
    120,
    150,
    200,
)
LARGE = (250, 300, 350, 400, 450, 500, 600, 750, 800, 1000, 1200, 1500, 2000, 2500, 5000, 10000)
DIRECTIONS = {
    "north": ("north", "n", "up north", "north"),
    "south": ("south", "s", "south", "down south"),
    "east": ("east", "e", "east"),
    "west": ("west", "w", "west"),
    "north east": ("north east", "northeast", "ne", "north-east"),
    "north west": ("north west", "northwest", "nw", "north-west"),
    "south east": ("south east", "southeast", "se", "south-east"),
    "south west": ("south west", "southwest", "sw", "south-west"),
}
DISTANCES = (
    "a bit",
    "a little",
    "a little bit",
    "a few tiles",
    "a few steps",
    "slightly",
    "far",
    "very far",
    "a long way",
    "way",
)
# Ways to say what a style trains.
STYLES = {
    **{"strength": "strength", "str": "strength", "aggressive": "strength"},
    **{"attack": "attack", "att": "attack", "atk": "attack", "accurate": "attack"},
    **{"defence": "defence", "defense": "defence", "def": "defence", "defensive": "defence"},
    **{"controlled": "shared", "shared": "shared"},
}
TABS = (
    "inventory",
    "combat",
    "skills",
    "equipment",
    "prayer",
    "magic",
    "quests",
    "quest",
    "inv",
    "stats",
    "spellbook",
    "gear",
)
ACTIONS = ("Open", "Close", "Climb-up", "Climb-down", "Take", "Search", "Examine")
SKILLS = (
    *(
        "attack",
        "strength",
        "defence",
        "hitpoints",
        "ranged",
        "prayer",
        "magic",
        "cooking",
        "woodcutting",
        "fishing",
    ),
    *("firemaking", "crafting", "smithing", "mining", "runecraft", "agility", "thieving"),
)
QUESTS = (
    "Cook's Assistant",
    "Sheep Shearer",
    "The Restless Ghost",
    "Romeo and Juliet",
    "Imp Catcher",
    "Rune Mysteries",
)
ROUTINES = (
    "chicken killer",
    "cow hides",
    "fish and cook",
    "bank run",
    "frog grind",
    "willow chopping",
    "morning run",
)
OPTIONS = (
    *(
        "Yes",
        "No",
        "Yes please",
        "No thanks",
        "What's wrong?",
        "I'd like to trade",
        "Goodbye",
        "Tell me more",
    ),
    *(
        "I'm looking for a quest",
        "Who are you?",
        "Maybe later",
        "Where am I?",
        "Ok I'll do it",
        "Nothing thanks",
    ),
)
TOPICS = (
    *(
        "giant frogs",
        "smithing levels",
        "cow drops",
        "cook's assistant",
        "rune scimitar",
        "best fishing spot",
    ),
    *("prayer xp", "hill giants", "lobster cooking level", "iron ore", "air altar", "how to get a bank pin"),
)
MADE_UP_FIRST = (
    "moss",
    "swamp",
    "ash",
    "bone",
    "river",
    "grim",
    "pale",
    "iron",
    "cave",
    "old",
    "sand",
    "frost",
    "dire",
)
MADE_UP_LAST = (
    "stalker",
    "crawler",
    "beetle",
    "ogre",
    "hound",
    "drake",
    "wisp",
    "lizard",
    "crab",
    "troll",
    "bat",
    "toad",
)
# Creatures that come up most get most of the rows, the others teach to copy names.
COMMON = (
    "Giant_frog",
    "Cow",
    "Chicken",
    "Goblin",
    "Giant_rat",
    "Giant_spider",
    "Hill_Giant",
    "Man",
    "Guard",
    "Al_Kharid_warrior",
)


SPELL_KINDS = (
    ("CAST_SPELL_NPC", ("combat", "curse")),
    ("CAST_SPELL_ON_GROUND_ITEM", ("grab", "ground")),
    ("CAST_SPELL_ON_INVENTORY_ITEM", ("item", "alchemy", "enchant")),
)
# Commands whose number is a distance, a radius, a slot or what a shop holds: the most that makes sense.
SMALL_COUNTS = (
    *(
        ("GOTO", 60),
        ("LIST_OBJECTS", 60),
        ("SCAN_TILEOBJECTS", 60),
        ("QUERY_TRANSITIONS", 60),
        ("SHOP_BUY", 40),
    ),
    *(
        ("MINE_ORE", 28),
        ("SMELT_BAR", 28),
        ("SMELT_BRONZE_BARS", 28),
        ("GE_ABORT", 8),
        ("GE_CLICK", 8),
        ("IMP_HUNT", 50),
    ),
)
