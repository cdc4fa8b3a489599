//! A form with a small file that the browser sent, from one of our own pages.

use axum::{
    extract::{FromRequest, Multipart, Request},
    response::{IntoResponse, Response},
};

use super::{Site, posted::foreign};
use crate::host::web::CSRF_FIELD;

/// Bytes of such a form, at most; the route has to allow them.
pub(super) const FORM_BYTES_MAX: usize = 33 << 20;

/// The fields of a form with files, in their order, the token of our own pages checked.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct Uploaded(Vec<(String, Vec<u8>)>);

impl Uploaded {
    /// The content of a field; empty where there is none.
    pub(super) fn content(&self, name: &str) -> &[u8] {
        self.0.iter().find(|(found, _)| found == name).map_or(&[], |(_, content)| content)
    }
}

impl FromRequest<Site> for Uploaded {
    type Rejection = Response;

    async fn from_request(request: Request, site: &Site) -> Result<Self, Response> {
        let form = Multipart::from_request(request, site).await;
        let mut form = form.map_err(IntoResponse::into_response)?;
        let mut fields = Vec::new();
        while let Some(field) = form.next_field().await.map_err(IntoResponse::into_response)? {
            let name = field.name().unwrap_or_default().to_owned();
            fields.push((name, field.bytes().await.map_err(IntoResponse::into_response)?.to_vec()));
        }
        let form = Self(fields);
        let token = std::str::from_utf8(form.content(CSRF_FIELD)).unwrap_or_default();
        if site.sign_in.is_token(token) { Ok(form) } else { Err(foreign()) }
    }
}
