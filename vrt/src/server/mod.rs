//! In: an OpenAI-compatible server. Out: a policy.
