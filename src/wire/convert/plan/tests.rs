//! Tests of plans as messages.

use super::*;

#[test]
fn an_empty_plan_is_the_default_job() {
    let (plan, initial) = read(&coordinator::Plan::default()).unwrap();
    assert_eq!(plan.data.spec, DEFAULT_DATA);
    assert_eq!((plan.rounds, plan.training.epochs()), (20, 5));
    assert_eq!(initial, None);
    let (again, _) = read(&write(&plan)).unwrap();
    assert_eq!(again, plan, "what is written reads back equal");
}

#[test]
fn all_problems_are_named_at_once() {
    let plan = coordinator::Plan {
        model: Some("mlp:64".to_owned()),
        rounds: Some(-3),
        strategy: Some("fedavgg".to_owned()),
        quorum: Some(1.5),
        schedule: Some("cosin".to_owned()),
        training: Some(compute_node::Training {
            learning_rate: f64::NAN,
            ..Default::default()
        }),
        ..Default::default()
    };
    let problems = read(&plan).unwrap_err();
    let fields: Vec<&str> = problems.iter().map(|p| p.field.as_str()).collect();
    for field in [
        "plan.model",
        "plan.rounds",
        "plan.strategy",
        "plan.quorum",
        "plan.schedule",
        "plan.training.learning_rate",
    ] {
        assert!(
            fields.contains(&field),
            "{field} is missing in {problems:?}"
        );
    }
}

#[test]
fn rules_and_schedules_travel_and_are_checked() {
    let plan = |momentum| coordinator::Plan {
        training: Some(compute_node::Training {
            learning_rate: 0.5,
            momentum: Some(momentum),
            weight_decay: Some(0.01),
            proximal: Some(0.1),
            ..Default::default()
        }),
        schedule: Some("exponential:factor=0.5".to_owned()),
        ..Default::default()
    };
    let (good, _) = read(&plan(0.9)).unwrap();
    assert_eq!(good.training.rule().momentum, 0.9);
    assert_eq!((good.learning_rate(1), good.learning_rate(3)), (0.5, 0.125));
    assert_eq!(read(&write(&good)).unwrap().0, good);
    let problems = read(&plan(1.0)).unwrap_err();
    assert_eq!(problems[0].field, "plan.training.momentum");
}

#[test]
fn unknown_models_are_left_to_nodes() {
    let plan = coordinator::Plan {
        model: Some("forest:trees=10".to_owned()),
        ..Default::default()
    };
    assert_eq!(read(&plan).unwrap().0.model, "forest:trees=10");
}

#[test]
fn shipped_data_is_opened_as_a_path() {
    assert_eq!(opened_as("ship:a/b.csv,label=y"), "path:a/b.csv,label=y");
    assert_eq!(opened_as("builtin:digits"), "builtin:digits");
    assert_eq!(opened_as("private:"), "private:");
}

#[test]
fn private_rows_are_not_cut() {
    let plan = |spec: &str| coordinator::Plan {
        data: Some(DataRef {
            spec: spec.to_owned(),
            partition: Some("iid".to_owned()),
            shards: Some(4),
            ..Default::default()
        }),
        ..Default::default()
    };
    assert!(read(&plan("builtin:digits")).is_ok());
    for spec in ["private", "private:"] {
        let problems = read(&plan(spec)).unwrap_err();
        let fields: Vec<&str> = problems.iter().map(|p| p.field.as_str()).collect();
        assert_eq!(fields, ["plan.data.partition", "plan.data.shards"]);
        assert!(problems[0].message.contains("leave it out"), "{problems:?}");
    }
}

#[test]
fn plans_of_real_values_get_their_objective_and_what_disagrees_is_named() {
    let plan = |model: Option<&str>, data: &str| coordinator::Plan {
        model: model.map(str::to_owned),
        data: Some(DataRef {
            spec: data.to_owned(),
            ..Default::default()
        }),
        ..Default::default()
    };
    let objective = |plan: coordinator::Plan| {
        let read = read(&plan);
        read.map(|(plan, _)| plan.training.objective_spec().to_owned())
    };
    for (model, data, expected) in [
        (None, "synthetic-linear:", "squared"),
        (None, "path:a.csv,target=y", "squared"),
        (None, "ship:a.csv,target=y", "squared"),
        (Some("linear:4"), "path:a.npy", "squared"),
        (Some("linear:4"), "private:", "squared"),
        (Some("somebody-elses"), "synthetic-linear:", "squared"),
        (None, "path:a.csv", "cross-entropy"),
        (None, "private:", "cross-entropy"),
        (None, "builtin:digits", "cross-entropy"),
    ] {
        let found = objective(plan(model, data));
        assert_eq!(found.as_deref(), Ok(expected), "{model:?} {data}");
    }
    let everything = coordinator::Plan {
        data: Some(DataRef {
            spec: "synthetic-linear:".to_owned(),
            partition: Some("dirichlet".to_owned()),
            ..Default::default()
        }),
        attack: Some("label-flip".to_owned()),
        training: Some(compute_node::Training {
            learning_rate: 0.1,
            objective: Some("squared".to_owned()),
            ..Default::default()
        }),
        ..plan(Some("softmax:20-2"), "")
    };
    let problems = read(&everything).unwrap_err();
    let fields: Vec<&str> = problems.iter().map(|p| p.field.as_str()).collect();
    assert_eq!(
        fields,
        [
            "plan.model",
            "plan.training.objective",
            "plan.data.partition",
            "plan.attack"
        ]
    );
}

#[test]
fn what_would_be_left_out_without_a_word_is_refused() {
    let of_data = |seed| coordinator::Plan {
        seed: Some(7),
        data: Some(DataRef {
            spec: DEFAULT_DATA.to_owned(),
            seed,
            ..Default::default()
        }),
        ..Default::default()
    };
    assert!(read(&of_data(None)).is_ok() && read(&of_data(Some(7))).is_ok());
    let problems = read(&of_data(Some(8))).unwrap_err();
    assert_eq!(problems[0].field, "plan.data.seed");
    assert!(problems[0].message.contains("which is 7"), "{problems:?}");
    let layout = coordinator::Plan {
        layout: Some(Vec::new()),
        ..Default::default()
    };
    assert_eq!(read(&layout).unwrap_err()[0].field, "plan.layout");
    let parameters = coordinator::Plan {
        parameters: Some(Default::default()),
        ..Default::default()
    };
    assert_eq!(read(&parameters).unwrap_err()[0].field, "plan.parameters");
}
