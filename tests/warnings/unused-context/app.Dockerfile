FROM acme/base
COPY --from=assets / /
