//! The grammar of specs and all its tables: shown and parsed again is the same; a name alone takes no memory.

use roundtable::cluster::policy::POLICIES;
use roundtable::fed::strategy::STRATEGIES;
use roundtable::ml::data::DATA;
use roundtable::ml::model::MODELS;
use roundtable::ml::objective::OBJECTIVES;
use roundtable::ml::partition::PARTITIONS;
use roundtable::spec::{Spec, SpecError, Table};
use roundtable::wire::codec::CODECS;

use super::Target;

pub const TARGET: Target = Target {
    name: "specs",
    run,
    longest: 512,
    // A network has at most 99 layers, whose names and offsets are kept, whatever their widths.
    memory: |length| (64 << 10) + 64 * length,
    seeds,
    words: &[
        b"mlp:",
        b"softmax:",
        b"cnn:28x28-10",
        b",filters=",
        b",kernel=",
        b",padding=valid",
        b",hidden=none",
        b"1048576-",
        b"-10",
        b",dtype=f64",
        b",activation=",
        b"tanh",
        b"classic",
        b",init=",
        b"he",
        b"uniform",
        b",scale=",
        b"synthetic:",
        b"rows=",
        b",features=",
        b",classes=",
        b",noise=",
        b"path:",
        b",label=",
        b",header=",
        b",standardise=yes",
        b"builtin:digits",
        b"fedavg:",
        b"mean=",
        b",rate=",
        b"raw",
        b"f16",
        b"bf16",
        b"int8",
        b"top-k:share=",
        b"iid",
        b"dirichlet:alpha=",
        b"power-law",
        b"label-shards",
        b"random",
        b"cross-entropy:sum",
    ],
};

fn run(bytes: &[u8]) -> bool {
    let text = String::from_utf8_lossy(bytes);
    let Ok(spec) = text.parse::<Spec>() else {
        return false;
    };
    let shown = spec.to_string();
    assert_eq!(
        shown.parse::<Spec>().as_ref(),
        Ok(&spec),
        "shown as `{shown}`"
    );
    let model = MODELS.build_spec(&spec);
    let mut known = model.is_ok();
    if let Ok(model) = &model {
        let layout = model.layout();
        assert_eq!(
            layout.byte_length(),
            layout.elements() * layout.dtype().size()
        );
    }
    if let Some(strategy) = built(&STRATEGIES, &spec) {
        let again = STRATEGIES.build(&strategy.to_string());
        assert_eq!(again, Ok(strategy), "shown as `{strategy}`");
        known = true;
    }
    if let Some(codec) = built(&CODECS, &spec) {
        // Lengths of the largest layout do not overflow.
        assert!(codec.encoded_len(1 << 31) <= 8 << 31);
        known = true;
    }
    known |= built(&DATA, &spec).is_some();
    known |= built(&PARTITIONS, &spec).is_some();
    known |= built(&POLICIES, &spec).is_some();
    known |= built(&OBJECTIVES, &spec).is_some();
    known
}

fn built<T>(table: &Table<T>, spec: &Spec) -> Option<T> {
    let built = table.build_spec(spec);
    if let Err(error) = &built {
        assert!(!error.to_string().is_empty());
        let known = matches!(error, SpecError::UnknownName { .. });
        assert_eq!(known, table.row(spec.name()).is_err());
    }
    built.ok()
}

fn seeds() -> Vec<Vec<u8>> {
    let mut seeds: Vec<String> = [
        "mlp:64-32-10,activation=tanh,init=uniform,scale=0.1,dtype=f64",
        "mlp:1048576-1048576-2",
        "softmax:64-10,init=classic",
        "synthetic:rows=1000,features=20,classes=4,noise=0.5",
        "path:data/a,b.csv,header=yes,label=class,scale=255,standardise=yes",
        "builtin:digits",
        "fedavg:mean=uniform,rate=0.5",
        "top-k:share=0.01",
        "dirichlet:alpha=0.3",
        "label-shards:2",
        "cross-entropy:sum",
    ]
    .map(str::to_owned)
    .into();
    fn names<T>(table: &Table<T>) -> impl Iterator<Item = String> {
        table.rows.iter().map(|row| {
            let options = row.options.iter().map(|option| format!("{}=1", option.key));
            let options: Vec<String> = options.collect();
            format!("{}:{}", row.name, options.join(","))
        })
    }
    seeds.extend(names(&MODELS));
    seeds.extend(names(&STRATEGIES));
    seeds.extend(names(&CODECS));
    seeds.extend(names(&DATA));
    seeds.extend(names(&PARTITIONS));
    seeds.extend(names(&POLICIES));
    seeds.extend(names(&OBJECTIVES));
    seeds.into_iter().map(String::into_bytes).collect()
}
