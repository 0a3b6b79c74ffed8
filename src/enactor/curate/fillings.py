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

# Orders that are only spoken of, in three parts: the verb, its -ing form, and what it is done to.
ORDERS = (
    *(("kill", "killing", "{npcs}"), ("kill", "killing", "the {npcs}"), ("kill", "killing", "{n} {npcs}")),
    *(("attack", "attacking", "the {npc}"), ("fight", "fighting", "{npcs}"), ("grind", "grinding", "{npcs}")),
    *(
        ("go to", "going to", "{place}"),
        ("walk to", "walking to", "{place}"),
        ("run to", "running to", "{place}"),
    ),
    *(("go", "going", "{dir}"), ("go", "going", "to {place}"), ("head to", "heading to", "{place}")),
    *(("bank", "banking", "everything"), ("bank", "banking", "the {items}"), ("bank", "banking", "it all")),
    *(("open", "opening", "the bank"), ("go to", "going to", "the bank"), ("close", "closing", "the bank")),
    *(("deposit", "depositing", "all"), ("deposit", "depositing", "my {items}")),
    *(("withdraw", "withdrawing", "{n} {items}"), ("take out", "taking out", "the {items}")),
    *(("drop", "dropping", "the {item}"), ("drop", "dropping", "everything"), ("drop", "dropping", "it all")),
    *(
        ("sell", "selling", "the {items}"),
        ("sell", "selling", "all my {items}"),
        ("buy", "buying", "{n} {items}"),
    ),
    *(("eat", "eating", "the {food}"), ("eat", "eating", "something"), ("cook", "cooking", "the {raw}")),
    *(
        ("chop", "chopping", "{tree}s"),
        ("chop", "chopping", "the {tree} tree"),
        ("cut", "cutting", "{n} logs"),
    ),
    *(("mine", "mining", "{ore}"), ("mine", "mining", "{n} {ore}"), ("smelt", "smelting", "{bar}s")),
    *(("fish", "fishing", "{fish}"), ("catch", "catching", "{n} {fish}"), ("fish", "fishing", "here")),
    *(("talk to", "talking to", "{person}"), ("trade", "trading", "{person}"), ("ask", "asking", "{person}")),
    *(
        ("open", "opening", "the door"),
        ("climb", "climbing", "the ladder"),
        ("climb", "climbing", "the stairs"),
    ),
    *(("bury", "burying", "the bones"), ("light", "lighting", "the logs"), ("burn", "burning", "the logs")),
    *(
        ("equip", "equipping", "the {gear}"),
        ("wear", "wearing", "the {gear}"),
        ("take off", "taking off", "the {gear}"),
    ),
    *(("teleport to", "teleporting to", "{place}"), ("teleport", "teleporting", "home")),
    *(("cast", "casting", "{spell}"), ("use", "using", "{spell} on the {npc}")),
    *(
        ("train", "training", "{skill}"),
        ("switch to", "switching to", "{style}"),
        ("loot", "looting", "the {items}"),
    ),
    *(
        ("pick up", "picking up", "the {items}"),
        ("restart", "restarting", "the client"),
        ("stop", "stopping", "the loop"),
    ),
    *(
        ("click", "clicking", "continue"),
        ("make", "making", "a screenshot"),
        ("check", "checking", "my stats"),
    ),
)
# Calls that are only quoted, and the shapes in which people and models write them.
CALLS = (
    *("KILL_LOOP {npc} none", "KILL_LOOP {npc} none {n}", "KILL_LOOP {npc} {food} {n}", "GOTO {place}"),
    *(
        "GOTO {x} {y} 0",
        "BANK_OPEN",
        "BANK_DEPOSIT_ALL",
        "BANK_WITHDRAW {item} {n}",
        "BANK_CLOSE",
        "DROP_ALL",
    ),
    *("DROP_ALL {item}", "EAT {food}", "STOP", "PAUSE", "RESUME", "TELEPORT home", "FISH {fish}", "FISH"),
    *("CHOP_TREE {tree}", "MINE_ORE {ore}", "MINE_ORE {ore} {n}", "POWER_MINE {ore}", "COOK_ALL", "BURY_ALL"),
    *(
        "EQUIP_BEST_MELEE",
        "SWITCH_COMBAT_STYLE {style}",
        "SHOP_BUY {item} {n}",
        "GE_SELL {item} {n}",
        "GE_BUY {item} {n}",
    ),
    *(
        "INTERACT_NPC {person} Talk-to",
        "INTERACT_OBJECT {object} {action}",
        "PICK_UP_ITEM {item}",
        "CLICK_CONTINUE",
    ),
)
CALL_SHAPES = (
    *("{line}", "{verb}", "`{line}`", '"{line}"', "'{verb}'", "{verb}()", "send_command({line})"),
    *('send_command("{line}")', "send_command(command='{line}')", '{{"command": "{line}"}}'),
    '{{"name": "send_command", "arguments": {{"command": "{line}"}}}}',
    '{{"tool": "send_command", "args": {{"command": "{line}"}}}}',
    '<tool_call>{{"name": "send_command", "arguments": {{"command": "{line}"}}}}</tool_call>',
    '```json {{"command": "{line}"}} ```',
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
