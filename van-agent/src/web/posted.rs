//! A form that the browser sent, from one of our own pages.

use axum::{
    Form,
    extract::{FromRequest, Request},
    http::StatusCode,
    response::{IntoResponse, Response},
};

use super::Site;
use crate::host::web::CSRF_FIELD;

/// Answers a form without the token of our own pages.
pub(super) fn foreign() -> Response {
    let text = "Muat ulang halaman ini, lalu simpan lagi: isiannya masih ada.\n\
                Load the page again, then save again: what was typed is still there.\n";
    (StatusCode::FORBIDDEN, text).into_response()
}

/// The fields of a form, in their order, the token of our own pages checked and taken out.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct Posted(pub(super) Vec<(String, String)>);

impl Posted {
    /// What stands in a field; empty where nothing does.
    pub(super) fn text(&self, name: &str) -> &str {
        self.0.iter().find(|(found, _)| found == name).map_or("", |(_, text)| text.trim())
    }
}

impl FromRequest<Site> for Posted {
    type Rejection = Response;

    async fn from_request(request: Request, site: &Site) -> Result<Self, Response> {
        let form = Form::<Vec<(String, String)>>::from_request(request, site).await;
        let Form(mut fields) = form.map_err(IntoResponse::into_response)?;
        let mut tokens = fields.extract_if(.., |(name, _)| name == CSRF_FIELD);
        let is_own = tokens.next().is_some_and(|(_, token)| site.sign_in.is_token(&token));
        drop(tokens);
        if !is_own {
            return Err(foreign());
        }
        Ok(Self(fields))
    }
}
