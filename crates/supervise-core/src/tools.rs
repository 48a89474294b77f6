//! One file per tool.

pub(crate) mod capability_block;
pub(crate) mod check_proposal;
pub(crate) mod egress_allow;
pub(crate) mod egress_block;
pub(crate) mod egress_token_allow;
pub(crate) mod gitleaks_allow;
pub(crate) mod list_egress_routes;
pub(crate) mod withdraw_proposal;

mod arguments;
