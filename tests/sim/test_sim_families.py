"""What each family of commands does to the world, and how it refuses."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest

from enactor.errors import EnactorError
from enactor.sim import Simulator
from enactor.sim.levels import combat_level, level_of, max_hit, xp_at
from enactor.sim.stumble import Stumbling
from enactor.world.backend import Backend
from enactor.world.state import GameState

FROGS = {"location": [3197, 3169, 0], "health": [35, 35]}
UPSTAIRS = {
    "location": [3208, 3219, 2],
    "inventory": ["Cowhide", "Cowhide", "Tuna"],
    "bank": {"Feather": 120, "Lobster": 3},
}


def run(sim: Simulator, line: str, limit_s: float = 600) -> Mapping[str, Any]:
    """Send, and let it come to its end."""
    first = sim.send(line)
    return first if first["status"] == "error" else sim.settle(limit_s)


def held(sim: Simulator, name: str) -> int:
    return GameState.from_plugin(sim.observe()).held(name)


def where(sim: Simulator) -> tuple[int, int, int]:
    tile = GameState.from_plugin(sim.observe()).location
    assert tile is not None
    return tile


def test_it_is_a_backend() -> None:
    backend: Backend = Simulator()
    assert backend.name == "sim"
    assert GameState.from_plugin(backend.observe()).location == (3222, 3218, 0)


def test_published_formulas() -> None:
    assert (xp_at(2), xp_at(50), xp_at(99)) == (83, 101_333, 13_034_431)
    assert (level_of(82), level_of(83), level_of(13_034_431)) == (1, 2, 99)
    one = dict.fromkeys(["attack", "strength", "defence", "ranged", "prayer", "magic"], 1)
    assert combat_level({**one, "hitpoints": 10}) == 3
    assert combat_level({**dict.fromkeys(one, 99), "hitpoints": 99}) == 126
    assert max_hit(1 + 8, 0) == 1
    assert max_hit(99 + 8 + 3, 0) == 11


# -- movement ---------------------------------------------------------------------------------------------


def test_walking_takes_time_and_arrives() -> None:
    sim = Simulator(start={"location": [3222, 3218, 0]})
    assert sim.send("GOTO 3262 3218 0")["status"] == "success"
    assert sim.observe()["player"]["isMoving"]
    sim.advance(6)
    assert 3222 < where(sim)[0] < 3262
    assert sim.settle(60)["result"]["message"] == "Arrived"
    assert where(sim) == (3262, 3218, 0)
    assert sim.seconds == pytest.approx(12.6, abs=1.3)


def test_walking_is_refused() -> None:
    assert "UNREACHABLE" in run(Simulator(), "GOTO 2924 3178 0")["error"]
    assert "UNREACHABLE" in run(Simulator(), "GOTO 3222 3218 3")["error"]
    sim = Simulator(start={**UPSTAIRS, "bank_open": True})
    assert "bank interface is open" in run(sim, "GOTO 3205 3209 2")["error"]


def test_walking_takes_stairs_and_ladders() -> None:
    sim = Simulator(start={"location": [3222, 3218, 0], "inventory": []})
    assert run(sim, "GOTO 3208 3220 2")["result"]["message"] == "Arrived"
    assert where(sim) == (3208, 3220, 2)
    assert run(sim, "GOTO 3117 9843 0")["status"] == "success"  # hill giants, by the trapdoor at Edgeville
    assert where(sim) == (3117, 9843, 0)
    assert run(sim, "GOTO 3155 9904 0")["status"] == "success"  # moss giants, by the manhole at Varrock


def test_locked_ladders_bar_the_way() -> None:
    guild = "GOTO 3019 9739 0"
    near = {"location": [3019, 3341, 0]}
    assert "Mining level of 60" in run(Simulator(start=near), "INTERACT_OBJECT Ladder Climb-down")["error"]
    able, unable = (Simulator(start={**near, "skills": {"mining": n}}) for n in (60, 59))
    assert run(able, guild)["status"] == "success"
    assert run(unable, guild)["status"] == "success"  # the long way, through the dwarven mine
    assert unable.seconds > 2 * able.seconds


def test_stop_halts_where_one_is() -> None:
    sim = Simulator(start={"location": [3222, 3218, 0]})
    sim.send("GOTO 3222 3318 0")
    sim.advance(6)
    assert sim.send("STOP")["result"]["message"] == "Stopped GOTO"
    tile = where(sim)
    sim.advance(60)
    assert where(sim) == tile
    assert 3218 < tile[1] < 3318


def test_stairs_change_the_plane() -> None:
    sim = Simulator(start={"location": [3206, 3209, 0]})
    run(sim, "INTERACT_OBJECT Staircase Climb-up")
    assert where(sim)[2] == 1
    run(sim, "INTERACT_OBJECT Staircase Climb-up")
    assert where(sim)[2] == 2
    assert run(sim, "BANK_OPEN")["status"] == "success"
    assert run(Simulator(), "CLIMB_LADDER_UP")["status"] in ("success", "error")


# -- combat -----------------------------------------------------------------------------------------------


def test_a_kill_loop_runs_kills_and_stops() -> None:
    sim = Simulator(start=FROGS)
    assert sim.send("KILL_LOOP Giant_frog none 300")["status"] == "success"
    state = sim.observe()
    assert state["active_loop"]["max_kills"] == 300
    assert state["scenario"]["currentTask"].startswith("KILL_LOOP")
    answer = sim.settle(120)
    assert answer["status"] == "running"
    assert answer["result"]["kills"] >= 1
    assert sim.observe()["player"]["skills"]["attack"]["xp"] > xp_at(30)
    assert sim.send("STOP")["status"] == "success"
    assert sim.observe()["active_loop"] is None


def test_a_kill_loop_ends_at_its_count_and_buries_bones() -> None:
    sim = Simulator(start={"location": [3233, 3296, 0]})
    answer = run(sim, "KILL_LOOP Chicken none 5")
    assert answer["result"]["kills"] == 5
    state = sim.observe()
    assert state["kills"] == {"Chicken": 5}
    assert state["player"]["skills"]["prayer"]["xp"] > xp_at(30)


def test_a_plural_or_a_stranger_is_not_found() -> None:
    assert (
        run(Simulator(start=FROGS), "KILL_LOOP Giant_frogs none 3")["error"] == "NPC 'Giant frogs' not found"
    )
    assert "not found" in run(Simulator(start=FROGS), "KILL_LOOP Hill_Giant none 3")["error"]
    assert "Menu option not found" in run(Simulator(), "ATTACK_NPC Hans")["error"]


def test_the_count_in_the_food_slot_is_the_food() -> None:
    sim = Simulator(start=FROGS)
    sim.send("KILL_LOOP Giant_frog 300")
    assert sim.observe()["active_loop"]["max_kills"] == 100


def test_safety_eats_and_stops() -> None:
    fed = Simulator(start={**FROGS, "inventory": ["Tuna"] * 3})
    answer = run(fed, "KILL_LOOP Giant_frog Tuna 300", 3600)
    assert "HP safety" in answer["result"]["message"]
    assert held(fed, "Tuna") == 0
    assert fed.observe()["deaths"] == 0
    assert (
        "HP safety"
        in run(Simulator(start={**FROGS, "health": [10, 35]}), "KILL_LOOP Giant_frog none 3")["error"]
    )


def test_a_start_in_combat() -> None:
    sim = Simulator(start={**FROGS, "in_combat": "Giant frog"})
    state = sim.observe()
    assert state["player"]["inCombat"]
    assert state["combat"]["target"] == "Giant frog"
    assert GameState.from_plugin(state).in_combat == "Giant frog"


def test_styles_go_by_the_button() -> None:
    sim = Simulator(start={"equipment": {"weapon": "Iron scimitar"}})
    assert run(sim, "SWITCH_COMBAT_STYLE Slash")["result"]["trains"] == "strength"
    assert sim.observe()["player"]["combatStyle"]["label"] == "Slash"
    assert "not found in group 593" in run(sim, "SWITCH_COMBAT_STYLE Aggressive")["error"]
    run(sim, "GOTO 3233 3296 0")
    before = sim.observe()["player"]["skills"]
    run(sim, "KILL_LOOP Chicken none 3")
    after = sim.observe()["player"]["skills"]
    assert after["strength"]["xp"] > before["strength"]["xp"]
    assert after["attack"] == before["attack"]


# -- inventory and bank -----------------------------------------------------------------------------------


def test_banking() -> None:
    sim = Simulator(start=UPSTAIRS)
    assert "not in bank interface" in run(sim, "BANK_DEPOSIT_ALL")["error"]
    assert run(sim, "BANK_OPEN")["status"] == "success"
    assert GameState.from_plugin(sim.observe()).bank_open
    run(sim, "BANK_DEPOSIT_ALL")
    assert sim.observe()["player"]["bank"] == {"Feather": 120, "Lobster": 3, "Cowhide": 2, "Tuna": 1}
    run(sim, "BANK_WITHDRAW Feather 20")
    assert held(sim, "Feather") == 20
    assert sim.send("BANK_CHECK Feather")["result"]["quantity"] == 100
    assert "not found in bank" in run(sim, "BANK_WITHDRAW 1 Pot")["error"]
    assert run(sim, "BANK_CLOSE")["status"] == "success"
    assert "too far" in run(Simulator(), "BANK_OPEN")["error"]


def test_eating_dropping_burying_picking_up() -> None:
    sim = Simulator(
        start={"health": [10, 35], "inventory": ["Tuna", "Big bones", "Big bones", "Bones", "Cowhide"]}
    )
    assert run(sim, "EAT Tuna")["result"]["health"] == 20
    assert run(sim, "EAT")["error"] == "No food in inventory"
    assert run(sim, "BURY_ALL Big_bones")["result"]["count"] == 2
    assert run(sim, "DROP_ITEM Cowhide")["status"] == "success"
    assert held(sim, "Cowhide") == 0
    assert sim.send("QUERY_GROUND_ITEMS")["result"]["ground_items"][0]["name"] == "Cowhide"
    assert run(sim, "PICK_UP_ITEM Cowhide")["status"] == "success"
    assert held(sim, "Cowhide") == 1
    assert "not found" in run(sim, "DROP_ALL Lobster")["error"]


def test_a_bare_drop_all_keeps_tools() -> None:
    sim = Simulator(start={"inventory": ["Bronze axe", "Tinderbox", "Cowhide", "Coins x20"]})
    run(sim, "DROP_ALL")
    assert [s.name for s in GameState.from_plugin(sim.observe()).inventory or ()] == [
        "Bronze axe",
        "Tinderbox",
    ]


def test_best_gear_from_the_inventory() -> None:
    sim = Simulator(
        start={
            "inventory": ["Steel scimitar", "Rune scimitar", "Iron full helm"],
            "equipment": {"weapon": "Bronze dagger"},
        }
    )
    run(sim, "EQUIP_BEST_MELEE")
    worn = GameState.from_plugin(sim.observe()).equipment
    assert worn is not None
    assert worn["weapon"] == "Steel scimitar"
    assert worn["head"] == "Iron full helm"
    assert held(sim, "Bronze dagger") == 1


# -- skills -----------------------------------------------------------------------------------------------


def test_fishing_until_full() -> None:
    sim = Simulator(start={"location": [3087, 3229, 0], "inventory": ["Small fishing net"]})
    assert run(sim, "FISH shrimp", 3600)["result"]["inventory_full"]
    assert held(sim, "Raw shrimps") + held(sim, "Raw anchovies") == 27
    bare = Simulator(start={"location": [3087, 3229, 0], "inventory": []})
    assert run(bare, "FISH shrimp")["error"] == "No Small fishing net in inventory"


def test_the_draynor_loop_banks_and_stops_at_its_level() -> None:
    sim = Simulator(
        start={
            "location": [3087, 3229, 0],
            "inventory": ["Small fishing net"],
            "bank": {},
            "skills": {"fishing": 20},
        }
    )
    answer = run(sim, "FISH_DRAYNOR_LOOP 23", 24 * 3600)
    assert answer["result"]["message"] == "Reached Fishing level 23"
    assert sim.observe()["player"]["bank"]["Raw shrimps"] > 20


def test_chopping_and_lighting() -> None:
    sim = Simulator(start={"location": [3190, 3241, 0], "inventory": ["Bronze axe", "Tinderbox"]})
    run(sim, "CHOP_TREE Tree", 3600)
    assert held(sim, "Logs") == 26
    assert run(sim, "LIGHT_FIRE")["status"] == "success"
    assert held(sim, "Logs") == 25
    assert "Fire" in GameState.from_plugin(sim.observe()).objects
    none = Simulator(start={"location": [3190, 3241, 0], "inventory": []})
    assert run(none, "CHOP_TREE Tree")["error"] == "No axe in inventory or equipped"
    assert "Tinderbox" in run(none, "LIGHT_FIRE")["error"]


def test_mining_and_smelting_and_smithing() -> None:
    sim = Simulator(start={"location": [3228, 3148, 0], "inventory": ["Bronze pickaxe", "Hammer"]})
    assert run(sim, "MINE_ORE copper 3")["result"]["target_reached"]
    assert run(sim, "MINE_ORE Tin_ore 3")["result"]["target_reached"]
    assert "Furnace" in run(sim, "SMELT_BAR Bronze_bar")["error"]
    run(sim, "GOTO 3225 3255 0")
    assert run(sim, "SMELT_BAR Bronze_bar")["result"]["count"] == 3
    assert run(sim, "USE_ITEM_ON_OBJECT Bronze_bar Anvil")["status"] == "success"
    assert held(sim, "Bronze bar") < 3
    assert (
        "pickaxe"
        in run(Simulator(start={"location": [3228, 3148, 0], "inventory": []}), "MINE_ORE copper")["error"]
    )


def test_cooking() -> None:
    sim = Simulator(
        start={"location": [3210, 3214, 0], "inventory": ["Raw tuna"] * 6, "skills": {"cooking": 80}}
    )
    assert run(sim, "COOK_ALL")["result"]["cooked"] == 6
    assert held(sim, "Tuna") == 6
    assert (
        "Cooking level"
        in run(
            Simulator(
                start={"location": [3210, 3214, 0], "inventory": ["Raw lobster"], "skills": {"cooking": 5}}
            ),
            "COOK_ALL",
        )["error"]
    )


def test_teleports_take_runes_and_levels() -> None:
    runes = ["Law rune x2", "Air rune x9", "Fire rune x2"]
    sim = Simulator(start={"inventory": runes, "skills": {"magic": 25}})
    run(sim, "TELEPORT varrock")
    assert where(sim) == (3212, 3424, 0)
    assert held(sim, "Law rune") == 1
    run(sim, "TELEPORT_HOME")
    assert where(sim)[:2] == (3222, 3218)
    assert "cooldown" in run(sim, "TELEPORT home")["error"]
    assert "Magic level" in run(sim, "CAST_SPELL Falador_Teleport")["error"]
    assert (
        "enough"
        in run(Simulator(start={"inventory": [], "skills": {"magic": 50}}), "TELEPORT varrock")["error"]
    )


# -- people, things, shops --------------------------------------------------------------------------------


def test_cooks_assistant_from_the_first_word_to_the_last() -> None:
    sim = Simulator(
        start={"location": [3208, 3214, 0], "inventory": ["Egg", "Bucket of milk", "Pot of flour"]}
    )
    for line in (
        *("TALK_NPC Cook", "CLICK_CONTINUE", "CLICK_DIALOGUE What's wrong?", "CLICK_CONTINUE"),
        *("CLICK_DIALOGUE 1", "CLICK_CONTINUE", "CLICK_DIALOGUE Actually", "CLICK_CONTINUE"),
        *("INTERACT_NPC Cook Talk-to", "CLICK_CONTINUE"),
    ):
        assert run(sim, line)["status"] == "success", line
    assert sim.observe()["quests"] == {"Cook's Assistant": 2}
    assert held(sim, "Egg") == 0
    assert sim.send("GET_QUEST_STATUS completed")["result"]["quests"][0]["name"] == "Cook's Assistant"
    assert not sim.observe()["dialogue"]["open"]


def test_flour_from_the_field() -> None:
    sim = Simulator(start={"location": [3162, 3292, 0], "inventory": ["Pot"]})
    for line in (
        *("INTERACT_OBJECT Wheat Pick", "GOTO 3165 3307 0"),
        *("INTERACT_OBJECT Ladder Climb-up", "INTERACT_OBJECT Ladder Climb-up"),
        *("USE_ITEM_ON_OBJECT Grain Hopper", "INTERACT_OBJECT Hopper_controls Operate"),
        *("INTERACT_OBJECT Ladder Climb-down", "INTERACT_OBJECT Ladder Climb-down"),
        "INTERACT_OBJECT Flour_bin Empty",
    ):
        assert run(sim, line)["status"] == "success", line
    assert held(sim, "Pot of flour") == 1


def test_shopping() -> None:
    sim = Simulator(start={"location": [3014, 3222, 0], "inventory": ["Coins x30"]})
    assert run(sim, "SHOP_BUY Lobster_pot 1")["error"] == "Shop is not open"
    run(sim, "INTERACT_NPC Gerrant Trade")
    assert run(sim, "SHOP_BUY Lobster_pot 1")["result"]["cost"] == 20
    assert "coins" in run(sim, "SHOP_BUY Lobster_pot 1")["error"]


def test_the_exchange() -> None:
    sim = Simulator(start={"location": [3164, 3486, 0], "inventory": ["Coins x1000", "Cowhide"]})
    run(sim, "GE_BUY Feather 100 5")
    assert held(sim, "Feather") == 100
    assert held(sim, "Coins") < 1000
    run(sim, "GE_SELL Cowhide")
    assert held(sim, "Cowhide") == 0
    for line in (
        "GE_OPEN",
        "GE_CLICK_BUY 1",
        "GE_SELECT_ITEM Pot",
        "GE_INPUT_QUANTITY 2",
        "GE_CONFIRM",
        "GE_COLLECT",
    ):
        assert run(sim, line)["status"] == "success", line
    assert held(sim, "Pot") == 2
    assert "Grand Exchange not found" in run(Simulator(), "GE_BUY Feather 1")["error"]


def test_scenery_spawns_are_objects() -> None:
    sim = Simulator(start={"location": [3244, 3158, 0], "inventory": []})
    assert "not found" in run(sim, "PICK_UP_ITEM Small_fishing_net")["error"]
    assert run(sim, "INTERACT_OBJECT small_fishing_net Take")["status"] == "success"
    assert held(sim, "Small fishing net") == 1


# -- system -----------------------------------------------------------------------------------------------


def test_reading_does_not_interrupt_but_acting_does() -> None:
    sim = Simulator(start=FROGS)
    sim.send("KILL_LOOP Giant_frog none 300")
    for line in ("QUERY_INVENTORY", "QUERY_NPCS", "PING", "GET_GAME_STATE", "LIST_COMMANDS"):
        assert sim.send(line)["status"] == "success"
    assert sim.observe()["active_loop"]
    sim.send("GOTO 3197 3180 0")
    assert sim.observe()["active_loop"] is None
    assert sim.settle(60)["result"]["message"] == "Arrived"


def test_pause_and_resume() -> None:
    sim = Simulator()
    sim.send("GOTO 3262 3218 0")
    sim.send("PAUSE")
    assert sim.settle(60)["status"] == "running"
    sim.send("RESUME")
    assert sim.settle(60)["status"] == "success"


def test_the_client_can_be_down() -> None:
    sim = Simulator(start={"client_running": False})
    assert sim.observe() == {"client": {"running": False}}
    assert sim.send("PING")["delivered"] is False
    assert sim.client("start")["success"]
    assert sim.send("PING")["status"] == "success"
    assert sim.client("restart")["success"]
    assert sim.client("stop")["success"]
    assert not sim.client("stop")["success"]
    assert GameState.from_plugin(sim.observe()).client_running is False


def test_unknown_verbs_get_a_suggestion() -> None:
    assert sim_error("KILLLOOP Cow") == "Unknown command: KILLLOOP. Did you mean KILL_LOOP?"
    assert "Missing or malformed" in sim_error("GE_BUY Feather")
    assert sim_error("GOTO 3222 3218 0 --rid=a1b2c3d4") is None


def sim_error(line: str) -> str | None:
    error: str | None = Simulator().send(line)["error"]
    return error


def test_logs() -> None:
    sim = Simulator(start={"inventory": []})
    sim.send("EAT")
    assert any("No food" in line for line in sim.logs(grep="eat", level="ERROR"))
    sim.advance(100)
    assert sim.logs(30) == []


def test_start_states_are_checked() -> None:
    assert held(Simulator(start={"inventory": ["Purple widget", "Coins x150"]}), "Purple widget") == 1
    for bad in (
        {"inventory": ["Tuna"] * 29},
        {"skills": {"attack": "high"}},
        {"location": ["a", "b", 0]},
        {"health": ["x", 1]},
    ):
        with pytest.raises(EnactorError):
            Simulator(start=bad)


def test_spells_on_items() -> None:
    runes = ["Cosmic rune x2", "Water rune x9", "Earth rune x9", "Nature rune x3"]
    sim = Simulator(start={"inventory": [*runes, "Sapphire ring", "Bones", "Bones", "Big bones"]})
    assert run(sim, "CAST_SPELL_ON_INVENTORY_ITEM Enchant_Sapphire Sapphire_ring")["status"] == "success"
    assert held(sim, "Ring of recoil") == 1
    assert "cannot be cast" in run(sim, "CAST_SPELL_ON_INVENTORY_ITEM Enchant_Sapphire Bones")["error"]
    assert run(sim, "CAST_SPELL Bones_to_Bananas")["result"]["count"] == 3
    assert (held(sim, "Banana"), held(sim, "Bones"), held(sim, "Nature rune")) == (3, 0, 2)


def test_a_grave_in_the_start_state() -> None:
    grave = {"at": [3225, 3215, 0], "items": ["Steel platebody", "Coins x70"]}
    sim = Simulator(start={"location": [3222, 3218, 0], "inventory": [], "grave": grave})
    assert sim.observe()["gravestone"]["items_count"] == 2
    assert run(sim, "LOOT_GRAVE")["status"] == "success"
    assert (held(sim, "Coins"), sim.observe()["gravestone"]["active"]) == (70, False)


def test_a_stumbling_game_fails_each_verb_once() -> None:
    game = Stumbling(Simulator(), {"GOTO": "sleep interrupted"})
    backend: Backend = game
    assert backend.send("GOTO 3222 3220 0")["error"] == "sleep interrupted"
    assert backend.send("GOTO 3222 3220 0")["status"] == "success"
    assert backend.settle(10)["result"]["message"] == "Arrived"
    assert (backend.name, backend.logs()) == (game.game.name, game.game.logs())


def test_aggressive_creatures_attack_whom_they_dare() -> None:
    weak = {
        "location": [3225, 3360, 0],
        "skills": {"attack": 5, "strength": 5, "defence": 5},
        "health": [12, 12],
    }
    strong = {"location": [3225, 3360, 0], "health": [80, 80]}
    strong["skills"] = dict.fromkeys(("attack", "strength", "defence"), 80)
    for start, attacked in ((weak, True), (strong, False)):
        sim = Simulator(start=start)
        sim.send("GOTO 3227 3369 0")
        sim.settle(30)
        sim.advance(3)
        assert any("attacks you" in line for line in sim.logs(60)) is attacked


def test_death_leaves_a_grave_that_is_looted_or_crumbles() -> None:
    start = {
        "location": [3227, 3368, 0],
        "health": [1, 10],
        "in_combat": "Dark wizard",
        "inventory": ["Logs"] * 9,
    }
    start["skills"] = dict.fromkeys(("attack", "strength", "defence"), 1)
    sim = Simulator(3, start)
    sim.advance(60)
    state = sim.observe()
    assert (state["deaths"], where(sim), state["gravestone"]["items_count"] > 0) == (1, (3222, 3218, 0), True)
    found = sim.send("FIND_GRAVE")["result"]
    assert found["found"]
    sim.advance(16 * 60)
    assert not sim.send("FIND_GRAVE")["result"]["found"]
    assert "not found" in run(sim, "LOOT_GRAVE")["error"]
