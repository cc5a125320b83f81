# One region: presence and the KeyDB that it runs, for a user without rights.
#
#	docker build -t presence .
#	docker run --init -p 8080:8080 -v presence:/data -e PRESENCE_REGION=lhr presence
#
# With a store elsewhere:
#
#	docker run -p 8080:8080 -e PRESENCE_KEYDB=redis://HOST:6379/0 -e PRESENCE_DATA= -e PRESENCE_REGION=lhr presence
#
# KEYDB_URL beside this image's PRESENCE_KEYDB=hosted is refused at the start.
#
# On arm64 machines add --build-arg KEYDB_IMAGE=eqalpha/keydb:arm64_v6.3.4.

# KeyDB's own image; the tags name the processor.
ARG KEYDB_IMAGE=eqalpha/keydb:x86_64_v6.3.4

FROM golang:1.26-bookworm AS build
WORKDIR /src
COPY go.mod go.sum ./
RUN go mod download
COPY . .
# The version that presence tells is a flag: the image has no git history to read.
ARG VERSION=devel
RUN CGO_ENABLED=0 go build -trimpath -ldflags="-s -w -X main.release=${VERSION}" -o /presence .

# keydb-server with the libraries it was linked with: its image is an Ubuntu of
# another age. The C library is the one thing it takes from where it runs; newer
# ones run what was linked with older ones.
FROM ${KEYDB_IMAGE} AS keydb
SHELL ["/bin/bash", "-euo", "pipefail", "-c"]
RUN mkdir -p /keydb/lib /keydb/bin; \
    cp "$(command -v keydb-server)" "$(command -v keydb-cli)" /keydb/bin/; \
    ldd /keydb/bin/* | awk '$2 == "=>" && $3 ~ /^\// { print $3 }' | sort -u \
        | { grep -vE '/(libc|libm|libdl|librt|libpthread|libresolv|libutil|ld-linux[^/]*)\.so' || true; } \
        | xargs -r cp -L -t /keydb/lib/

FROM debian:bookworm-slim
RUN apt-get update \
    && apt-get install -y --no-install-recommends ca-certificates \
    && rm -rf /var/lib/apt/lists/* \
    && useradd --uid 10001 --user-group --no-create-home --shell /usr/sbin/nologin presence \
    && install -d -o presence -g presence -m 0700 /data
COPY --from=keydb /keydb /opt/keydb
# The libraries are for these two programs alone, so no system-wide path has them.
RUN for name in keydb-server keydb-cli; do \
        printf '#!/bin/sh\nLD_LIBRARY_PATH=/opt/keydb/lib exec /opt/keydb/bin/%s "$@"\n' "$name" >"/usr/local/bin/$name" \
        && chmod 0755 "/usr/local/bin/$name" \
        || exit 1; \
    done \
    && keydb-server --version
COPY --from=build /presence /usr/local/bin/presence

USER presence
WORKDIR /data
VOLUME /data
# The page. The store (6379) and the admin address (9090) are for private networks.
EXPOSE 8080
# Also for `docker exec … presence doctor`, which no flags of a CMD would reach.
ENV PRESENCE_KEYDB=hosted \
    PRESENCE_DATA=/data \
    PRESENCE_LOG=json
STOPSIGNAL SIGTERM
HEALTHCHECK --interval=10s --timeout=5s --start-period=30s --retries=3 \
    CMD ["bash", "-c", "exec 3<>/dev/tcp/127.0.0.1/9090 && printf 'GET /readyz HTTP/1.0\\r\\n\\r\\n' >&3 && read -r _ status _ <&3 && [[ $status == 200 ]]"]
# Whatever starts this as process 1 should reap the forks of a killed KeyDB: Fly.io
# has an init, elsewhere `docker run --init` or `init: true`.
ENTRYPOINT ["presence"]
