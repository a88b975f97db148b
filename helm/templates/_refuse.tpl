{{/* What the schema cannot say: values that do not fit together. All of them are told at once. */}}
{{- define "millrace.refuse" -}}
{{- $learns := include "millrace.learns" . }}
{{- $hasKeys := include "millrace.hasKeys" . }}
{{- $hasMany := include "millrace.hasMany" . }}
{{- $hasFollowers := include "millrace.hasFollowers" . }}
{{- $problems := list }}
{{- with .Values }}
{{- if and $learns $hasMany (not $hasFollowers) }}
{{- $problems = append $problems "config.learning.mode is on, so replicas must be 1, and autoscaling and keda off: a server owns what it learns, and several would each learn something else. Give redis, through which several act as one, or set config.learning.mode to \"off\"." }}
{{- end }}
{{- $problems = concat $problems (include "millrace.refuseCluster" $ | fromYamlArray) }}
{{- if and .autoscaling.enabled .keda.enabled }}
{{- $problems = append $problems "autoscaling.enabled and keda.enabled both scale the same pods; choose one." }}
{{- end }}
{{- if and .keda.enabled (not .keda.serverAddress) }}
{{- $problems = append $problems "keda.enabled needs keda.serverAddress, the address of Prometheus." }}
{{- end }}
{{- range list .autoscaling .keda }}
{{- if and .enabled (gt (int .minReplicas) (int .maxReplicas)) }}
{{- $problems = append $problems (printf "minReplicas is %v, above maxReplicas, %v." .minReplicas .maxReplicas) }}
{{- end }}
{{- end }}
{{- $needed := add .drain.preStopSeconds (include "millrace.drainSeconds" $) }}
{{- if and .drain.graceSeconds (le (int64 .drain.graceSeconds) $needed) }}
{{- $problems = append $problems (printf "drain.graceSeconds is %v; it must be longer than drain.preStopSeconds and config.server.drainMs together, %v s, or requests are cut off." .drain.graceSeconds $needed) }}
{{- end }}
{{- with .storage.models }}
{{- if and .existingClaim $hasMany (not .readOnly) (not $hasFollowers) }}
{{- $problems = append $problems "storage.models.existingClaim is shared by several replicas, which would import over each other: fill it first, and set storage.models.readOnly." }}
{{- end }}
{{- if and .readOnly (not .existingClaim) }}
{{- $problems = append $problems "storage.models.readOnly needs storage.models.existingClaim: a new volume is empty." }}
{{- end }}
{{- if and .readOnly $learns }}
{{- $problems = append $problems "storage.models.readOnly needs config.learning.mode \"off\": consolidation writes new base versions there." }}
{{- end }}
{{- if and $learns (not .enabled) (not .existingClaim) }}
{{- $problems = append $problems "storage.models.enabled is false, which needs config.learning.mode \"off\": what is learned belongs to one imported version, and another import may be another version." }}
{{- end }}
{{- end }}
{{- if and .auth.existingSecret (dig "auth" "keys" list .config) }}
{{- $problems = append $problems "auth.existingSecret and config.auth.keys both list the keys; the Secret would win. Choose one." }}
{{- end }}
{{- $isOpen := and (not $hasKeys) (not .auth.allowAnonymous) }}
{{- if and $isOpen (or .ingress.enabled .httpRoute.enabled (ne .service.type "ClusterIP")) }}
{{- $problems = append $problems "The API would be reachable from outside the cluster without a key, and can be taught. Give auth.existingSecret, or set auth.allowAnonymous." }}
{{- end }}
{{- if and $isOpen .admin.expose }}
{{- $problems = append $problems "admin.expose opens promotion, rollback and drain to the cluster without a key. Give auth.existingSecret, or set auth.allowAnonymous." }}
{{- end }}
{{- if and .httpRoute.enabled (not .httpRoute.parentRefs) }}
{{- $problems = append $problems "httpRoute.enabled needs httpRoute.parentRefs: the gateway that the route belongs to." }}
{{- end }}
{{- if and .serviceMonitor.enabled $hasKeys (not .auth.clientKey.existingSecret) }}
{{- $problems = append $problems "serviceMonitor.enabled needs auth.clientKey.existingSecret where keys are asked for: /metrics answers 401 without one." }}
{{- end }}
{{- end }}
{{- if $problems }}
{{- fail (printf "\n\nThe values do not fit together:\n- %s\n" (join "\n- " $problems)) }}
{{- end }}
{{- end }}

{{/* The same of what concerns several servers, as a list. */}}
{{- define "millrace.refuseCluster" -}}
{{- $problems := list }}
{{- $hasRedis := include "millrace.hasRedis" . }}
{{- with .Values.redis }}
{{- $given := compact (list (ternary "redis.existingSecret" "" (ne .existingSecret "")) (ternary "redis.url" "" (ne .url "")) (ternary "redis.install.enabled" "" .install.enabled)) }}
{{- if gt (len $given) 1 }}
{{- $problems = append $problems (printf "%s each say which Redis; give one." (join " and " $given)) }}
{{- end }}
{{- if and .url (not (regexMatch "^rediss?://[^/]*@" .url)) $.Values.auth.existingSecret (not $.Values.auth.allowAnonymous) }}
{{- $problems = append $problems "redis.url has no password, while clients need keys: whoever reaches that Redis could change what is served. Give redis://:password@host:6379/0, better in redis.existingSecret." }}
{{- end }}
{{- end }}
{{- with .Values.versions }}
{{- if and (ne .travel "http") (not $hasRedis) }}
{{- $problems = append $problems (printf "versions.travel is %s, which is for followers, and without redis there are none." .travel) }}
{{- end }}
{{- if eq .travel "volume" }}
{{- if not $.Values.storage.models.existingClaim }}
{{- $problems = append $problems "versions.travel \"volume\" needs storage.models.existingClaim, a ReadWriteMany claim: consolidation makes new base versions, which followers find there." }}
{{- end }}
{{- else if eq .travel "s3" }}
{{- $missing := list }}
{{- range $field := list "endpoint" "bucket" "existingSecret" }}
{{- if not (index $.Values.versions.s3 $field) }}{{ $missing = append $missing (printf "versions.s3.%s" $field) }}{{ end }}
{{- end }}
{{- if $missing }}
{{- $problems = append $problems (printf "versions.travel \"s3\" needs %s." (join " and " $missing)) }}
{{- end }}
{{- end }}
{{- end }}
{{- with .Values.learner }}
{{- if and (not (include "millrace.hasFollowers" $)) (or .serves .resources) }}
{{- $problems = append $problems "learner says how the learner differs from its followers, and there are none without redis or with config.learning.mode \"off\"." }}
{{- end }}
{{- end }}
{{- toYaml $problems }}
{{- end }}
