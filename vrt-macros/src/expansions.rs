//! One snapshot of each macro's expansion, as it would be written by hand.

use proc_macro2::TokenStream;
use quote::quote;

fn pretty(expansion: TokenStream) -> String {
    match syn::parse2(expansion) {
        Ok(file) => prettyplease::unparse(&file),
        Err(error) => panic!("the expansion is no list of items: {error}"),
    }
}

#[test]
fn visual_op() {
    let function = quote! {
        /// Fetch frames that the initial sample left out.
        pub fn select_frames(
            view: &mut Workspace<'_>,
            /// Frame numbers in the pool of both videos.
            #[arg(len = 1..=8, distinct)]
            target_frames: Vec<FrameIndex>,
        ) -> OpResult {
            Ok(Outcome::of_frames(target_frames))
        }
    };
    insta::assert_snapshot!(pretty(crate::visual_op::expand(quote!(), function)));
}

#[test]
fn ops() {
    let list = quote! {
        /// The paper's tool and another one.
        pub BothOps = [select_frames, other::recall];
    };
    insta::assert_snapshot!(pretty(crate::ops::expand(list)));
}

#[test]
fn reward_term() {
    let function = quote! {
        /// A tool was used where few samples used one.
        pub fn exploration(
            ep: &Judged,
            group: &Group<'_>,
            /// The share from which on nothing is paid.
            #[param(default = 0.2, range = 0.0..=1.0)]
            omega: f64,
        ) -> Score {
            Score::Value(omega)
        }
    };
    insta::assert_snapshot!(pretty(crate::reward_term::expand(
        quote!(range = -1..=2 * omega),
        function
    )));
}

#[test]
fn objective() {
    let declaration = quote! {
        /// The paper's objective.
        pub VrThinker {
            reward    format + 2.0 * accuracy + cot_gain + eta * exploration;
            weight    eta = 0.5 in 0.0..=1.0;
            tie       cot_gain.alpha = accuracy.alpha;
            advantage group { center: mean, scale: std };
            loss      clip { low: 0.2, high: 0.2 }, kl { estimator: k3, beta: 0.01 }, reduce: per_sample_mean;
            groups    resample when all_correct | all_wrong;
            require   abs(cot_gain) + eta * exploration < accuracy;
        }
    };
    insta::assert_snapshot!(pretty(crate::objective::expand(declaration)));
}
