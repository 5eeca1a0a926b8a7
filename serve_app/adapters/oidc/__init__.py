"""ID tokens of OpenID Connect issuers."""

from serve_app.adapters.oidc.verifier import IssuerSettings, OidcVerifier

__all__ = ["IssuerSettings", "OidcVerifier"]
