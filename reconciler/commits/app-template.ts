/** What `flynn create` writes: valid as it is, and the manual of what can be said. */
export const APP_TEMPLATE = `# yaml-language-server: $schema=../../.flynn/schemas/app.schema.json
apiVersion: flynn/v1
kind: App

# Everything below is optional: take the # away from what you need, or let an editor with a YAML language server complete it.
# What runs comes from the newest file in releases/, which every \`git push\` of the app's source writes.

# services:
#   web:                      # a line of the Procfile
#     replicas: 2             # copies; 1 for web, 0 for others unless set here (or: flynn scale web=2)
#     port: 8080              # where it listens; it is told by the variable PORT
#     limits: {memory: 256Mi, cpus: 0.5, files: 20000} # files: open files and connections
#     requests: {memory: 128Mi} # kept for each copy on its node; one without room waits
#     priority: high          # system, high, normal, low, batch: who keeps its place when the node is full
#     check: {http: /healthz} # what says that a copy works; otherwise: its port accepts connections
#     stopGraceSeconds: 30    # between SIGTERM and SIGKILL
#     readOnlyRoot: true      # nothing of the image can be changed
#     tmpfs: {/tmp: 64Mi}     # in memory
#     strategy: blue-green    # or rolling (the default), all-at-once, stop-first, canary; with options: {kind: rolling, batch: 1}
#   worker:
#     command: node worker.js # instead of the Procfile's line
#     replicas: 1
#   store:
#     volumes: {data: {path: /data}} # outlives releases and the app: flynn volume
#     strategy: stop-first    # as services with volumes need

# build:                      # how its Dockerfile is built
#   dockerfile: docker/web.Dockerfile # instead of ./Dockerfile, and before any buildpack
#   target: production        # stage that becomes the image
#   args: {VERSION: 1.10}     # for its ARG lines; they can be read in the image: no secrets
# or "buildpacks: [nodejs]"   # what builds it, instead of what is detected: ours, https://…git#ref, https://….tgz, ./folder

# env:                        # plain text for all who can read this repository; secrets: flynn env set --secret NAME
#   LOG_LEVEL: info

# routes:                     # instead of <app>.<domain>, which leads to web (flynn route add http keeps that)
#   - host: shop.example.com  # or "*.example.com", "*"
#     https: redirect         # or allow; without it redirected once browsers trust its certificate
#   - host: shop.example.com
#     path: /api
#     service: api            # or services: {api: 90, next: 10}, or redirect: https://www.example.com
#     stripPrefix: true       # /api/orders comes as /orders
#     when: {header: {X-Beta: "1"}} # also cookie, query, method
#   - host: admin.example.com # what becomes of its requests: also balance, headers, protocol: h2c, deny …
#     auth: {basic: {users: ADMIN_USERS}} # lines user:hash: htpasswd -nBC 10 ann | flynn env set --secret ADMIN_USERS
#     allow: [10.0.0.0/8]
#     sticky: true
#     maxBody: 10Mi
#     timeouts: {responseSeconds: 30, idleSeconds: 300}
#     compress: true
# errorPages:                 # files beside this one, for what the router answers itself; also 401, 403, 404, 413, 502, 504
#   503: pages/down.html
#   maintenance: pages/busy.html

# tcp:                        # ports of the node, for what is not HTTP
#   - {port: 5432, service: db}

# source:                     # deploy each new commit of a branch elsewhere, instead of pushes to this cluster
#   git: https://git.example.com/shop.git
#   branch: main
#   path: services/shop       # the folder that is the app
#   tokenSecret: SOURCE_TOKEN # flynn env set --secret SOURCE_TOKEN; webhooks: flynn source hook

# release: node migrate.js    # run once before a release gets traffic (or a line "release:" in the Procfile); it fails, the deploy fails

# cron:
#   nightly:
#     schedule: "0 3 * * *"   # minute hour day month weekday
#     timezone: Europe/Berlin # UTC unless set
#     command: node nightly.js
#     overlap: forbid         # or allow, or replace: what becomes of a run while the one before it goes on
#     deadlineSeconds: 3600   # a run that takes longer has failed

# reach: [db]                # connect to containers of db, as <service>.db.internal, once db says allowFrom: [this app]
# allowFrom: [shop]           # containers of shop may connect to this app's, once shop says reach: [this app]

# maintenance: true          # its hosts answer 503 with a page that says so (or: flynn maintenance on)

# drains:                     # where the log is sent on to
#   - url: syslog+tls://logs.example.com:6514
#   - url: https://logs.example.com/in
#     secretHeaders: {Authorization: LOGS_AUTHORIZATION} # a variable of secrets.yaml

# suspend: true               # nothing of it runs, whatever is pushed (or: flynn suspend, flynn resume)

# deployBranch: production    # whose push is a deploy, instead of main and master (others: flynn deploy --branch)

# review: required            # a push builds and proposes its release; it deploys when others have approved it (flynn review)

# deployTimeoutSeconds: 120   # a deploy that is not healthy by then has failed; the release before it goes on
`;
