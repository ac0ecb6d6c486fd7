//! The shipped spec, and what is said to the author of a wrong one.

use experiments::cli::draw;
use experiments::spec::{Scale, Spec};
use experiments::stages::params::{Decode, Frames};

const SHIPPED: &str = include_str!("../specs/fig3.toml");

#[test]
fn an_arm_is_base_then_scale_then_its_own_difference() {
    let spec = Spec::parse("fig3.toml", SHIPPED).unwrap();
    let arms = spec.arms(Scale::Smoke).unwrap();
    let arm = |id: &str| arms.iter().find(|arm| arm.id == id).unwrap();
    let full = &arm("full").params;
    assert_eq!(full.grpo.steps, 2);
    assert_eq!(full.grpo.objective["eta"].as_float(), Some(0.5));
    assert_eq!(full.eval.decode, Decode::Greedy);
    let sampled = arm("full").beside.as_ref().unwrap();
    assert_eq!(sampled.eval.decode, Decode::Sampled);
    assert_eq!(sampled.grpo, full.grpo);
    let mut other = arm("no_exploration").params.clone();
    assert_eq!(other.grpo.objective["eta"].as_float(), Some(0.0));
    other.grpo.objective.insert("eta".to_owned(), 0.5.into());
    assert_eq!(&other, full);
    assert_eq!(arm("random_frames").params.eval.frames, Frames::Random);
    assert_eq!(arm("no_tool").chain, ["tower", "base", "eval"]);
    assert_eq!(arm("blind").params.eval.window.width, 0);
    let laptop = spec.arms(Scale::Laptop).unwrap();
    assert_eq!(laptop[0].params.grpo.steps, 50);
    assert_eq!(spec.seeds(Scale::Full).unwrap(), [1, 2, 3]);
}

/// What the author sees when `from` is replaced by `to` in the shipped spec.
fn wrong(from: &str, to: &str) -> String {
    assert!(SHIPPED.contains(from), "the spec no longer says {from:?}");
    let text = SHIPPED.replacen(from, to, 1);
    draw(Spec::parse("fig3.toml", &text).unwrap_err().as_ref(), false)
}

#[test]
fn an_unknown_parameter_of_the_base() {
    insta::assert_snapshot!(wrong("prompts = 2600", "promts = 2600"));
}

#[test]
fn an_unknown_parameter_of_an_arm() {
    insta::assert_snapshot!(wrong("\"eval.window\" = 0", "\"eval.windw\" = 0"));
}

#[test]
fn an_unknown_table_of_a_scale() {
    insta::assert_snapshot!(wrong("rft = { prompts = 96,", "rtf = { prompts = 96,"));
}

#[test]
fn a_wrong_type() {
    insta::assert_snapshot!(wrong("traces = 80000", "traces = \"many\""));
}

#[test]
fn an_unknown_choice() {
    insta::assert_snapshot!(wrong(
        "\"eval.frames\" = \"random\"",
        "\"eval.frames\" = \"randm\""
    ));
}

#[test]
fn an_unknown_arm_in_a_panel() {
    insta::assert_snapshot!(wrong("\"no_rft\", \"full\"]", "\"no_rtf\", \"full\"]"));
}

#[test]
fn an_unknown_arm_in_a_claim() {
    insta::assert_snapshot!(wrong("\"full > no_cot_gain\"", "\"full > no_cotgain\""));
}

#[test]
fn an_unknown_metric() {
    insta::assert_snapshot!(wrong("metric = \"diff\"", "metric = \"dif\""));
}

#[test]
fn an_unknown_stage_to_skip() {
    insta::assert_snapshot!(wrong("skip = [\"rft\"]", "skip = [\"rtf\"]"));
}

#[test]
fn an_unknown_key_of_an_arm() {
    insta::assert_snapshot!(wrong("label = \"+ RFT\"", "lable = \"+ RFT\""));
}

#[test]
fn a_statement_that_is_none() {
    insta::assert_snapshot!(wrong("\"rft > cold_start\"", "\"rft beats cold_start\""));
}

#[test]
fn seeds_that_repeat() {
    insta::assert_snapshot!(wrong("seeds = [1, 2, 3]", "seeds = [1, 2, 1]"));
}

#[test]
fn a_line_that_is_no_toml() {
    insta::assert_snapshot!(wrong("seeds = [1]", "seeds = [1"));
}

const ARM_OF_K: &str = "\"grpo.objective.cot_gain.k\" = 0.0 }";

#[test]
fn an_unknown_parameter_of_the_objective() {
    insta::assert_snapshot!(wrong(ARM_OF_K, "\"grpo.objective.cot_gain.kk\" = 0.0 }"));
}

#[test]
fn a_parameter_of_the_objective_outside_its_range() {
    insta::assert_snapshot!(wrong(ARM_OF_K, "\"grpo.objective.cot_gain.k\" = -1.0 }"));
}

#[test]
fn an_objective_that_breaks_its_own_requirement() {
    insta::assert_snapshot!(wrong(ARM_OF_K, "\"grpo.objective.cot_gain.k\" = 1.0 }"));
}

#[test]
fn a_waiver_of_nothing_required() {
    let waived =
        "\"grpo.objective.cot_gain.k\" = 1.0, \"grpo.waive\" = [\"cot_gain < accuracy\"] }";
    insta::assert_snapshot!(wrong(ARM_OF_K, waived));
}

#[test]
fn a_waiver_of_what_holds() {
    let line = "abs(cot_gain) + eta * exploration < accuracy";
    let waived = format!("\"grpo.objective.cot_gain.k\" = 0.0, \"grpo.waive\" = [\"{line}\"] }}");
    insta::assert_snapshot!(wrong(ARM_OF_K, &waived));
}

const TABLE: &str = include_str!("../specs/table1.toml");
const MEASUREMENT: &str = include_str!("../specs/table5.toml");

/// The same for a table's spec.
fn wrong_table(from: &str, to: &str) -> String {
    assert!(TABLE.contains(from), "the spec no longer says {from:?}");
    let text = TABLE.replacen(from, to, 1);
    draw(
        Spec::parse("table1.toml", &text).unwrap_err().as_ref(),
        false,
    )
}

#[test]
fn shares_that_are_none() {
    insta::assert_snapshot!(wrong_table("[0.33, 0.33, 0.34]", "[0.33, 0.33, 0.33]"));
}

#[test]
fn a_theta_without_room_for_ties() {
    insta::assert_snapshot!(wrong_table("theta = 5.0", "theta = 1.0"));
}

#[test]
fn a_condition_that_does_not_exist() {
    let conditions = "held_out = \"report\"\nconditions = [\"longest\"]";
    insta::assert_snapshot!(wrong_table("held_out = \"report\"", conditions));
}

#[test]
fn a_group_named_like_a_split() {
    let group = "paper = \"GenAI-Bench\"\ngroup = \"tied\"";
    insta::assert_snapshot!(wrong_table("paper = \"GenAI-Bench\"", group));
}

#[test]
fn a_stage_to_skip_that_the_arms_own_chain_does_not_have() {
    let skip = "chain = [\"tower\", \"base\", \"scalar\", \"score\"]";
    insta::assert_snapshot!(wrong_table(skip, &format!("{skip}\nskip = [\"rft\"]")));
}

#[test]
fn a_claim_of_a_measurement() {
    let claim = "\n[[claim]]\nid = \"x\"\ntext = \"x\"\nstatement = \"full > shown_8\"\nmetric = \"diff\"\n";
    let text = format!("{MEASUREMENT}{claim}");
    let error = Spec::parse("table5.toml", &text).unwrap_err();
    insta::assert_snapshot!(draw(error.as_ref(), false));
}
