//! The types of scores.

/// A floating-point type of scores: `f32` or `f64`. The trait is sealed.
pub trait Score: Float {
    /// No score.
    const ZERO: Self;

    /// The score, rounded to this type.
    fn rounded(score: f64) -> Self;

    /// Whether the score is neither too large nor too small for this type.
    fn fits(score: f64) -> bool;
}

/// A type that only this crate makes a [`Score`] of.
pub trait Float: Copy + Send + Sync {}

macro_rules! score {
    ($($float:ident),*) => {$(
        impl Float for $float {}

        impl Score for $float {
            const ZERO: Self = 0.0;

            #[inline(always)]
            fn rounded(score: f64) -> Self {
                score as Self
            }

            fn fits(score: f64) -> bool {
                (score as Self).is_normal()
            }
        }
    )*};
}

#[expect(clippy::cast_possible_truncation, reason = "scores are rounded")]
mod scores {
    use super::{Float, Score};
    score!(f32, f64);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn scores_that_do_not_fit() {
        assert!(f32::fits(1e38) && !f32::fits(1e39) && !f32::fits(1e-39));
        assert!(f64::fits(1e39) && !f64::fits(f64::INFINITY) && !f64::fits(f64::NAN));
    }
}
