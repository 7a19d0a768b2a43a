FROM flynn/build AS build
RUN apt-get update -q && DEBIAN_FRONTEND=noninteractive apt-get install -qy --no-install-recommends golang-go && rm -rf /var/lib/apt/lists/*
WORKDIR /app
COPY . .
RUN CGO_ENABLED=0 go build -mod=vendor -o /shop .

FROM flynn/run
COPY --from=build /shop /shop
USER app
CMD ["/shop"]
