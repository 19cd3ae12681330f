# One static program on an empty image, not as root.
#
#   docker build --build-arg VERSION=$(git describe --tags --always) --build-arg COMMIT=$(git rev-parse --short=12 HEAD) -t sinker .
#   docker run --rm -v ./sinker.yaml:/etc/sinker/sinker.yaml:ro sinker check -c /etc/sinker/sinker.yaml

FROM golang:1.26-bookworm AS build
WORKDIR /src
COPY go.mod go.sum ./
RUN go mod download
COPY . .
ARG VERSION=devel
ARG COMMIT=
RUN CGO_ENABLED=0 go build -trimpath -buildvcs=false \
      -ldflags "-s -w -X main.version=${VERSION} -X main.commitID=${COMMIT}" -o /out/sinker ./cmd/sinker
# An empty image has no authorities, no time zones, and nowhere to put a temporary file.
RUN mkdir -p /out/tmp && chmod 1777 /out/tmp

FROM scratch
COPY --from=build /etc/ssl/certs/ca-certificates.crt /etc/ssl/certs/
COPY --from=build /usr/local/go/lib/time/zoneinfo.zip /usr/share/zoneinfo.zip
COPY --from=build /out/tmp /tmp
COPY --from=build /out/sinker /sinker
ENV ZONEINFO=/usr/share/zoneinfo.zip
USER 65532:65532
EXPOSE 9400
STOPSIGNAL SIGTERM
ENTRYPOINT ["/sinker"]
CMD ["run", "-c", "/etc/sinker/sinker.yaml"]
