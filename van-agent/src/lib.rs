//! van-agent
