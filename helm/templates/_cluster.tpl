{{/* What several servers need that act as one over Redis: names, their part of the configuration, variables. */}}

{{- define "millrace.hasRedis" -}}
{{- with .Values.redis }}{{ if or .existingSecret .url .install.enabled }}true{{ end }}{{ end }}
{{- end }}

{{/* "true" where there is a learner with followers; servers that do not learn share limits alone. */}}
{{- define "millrace.hasFollowers" -}}
{{- if and (include "millrace.hasRedis" .) (include "millrace.learns" .) }}true{{ end }}
{{- end }}

{{/* A StatefulSet's name goes into a label with a hash of eleven characters, and a label has 63. */}}
{{- define "millrace.nameOf" -}}
{{- printf "%s-%s" (include "millrace.fullname" (index . 0) | trunc 43 | trimSuffix "-") (index . 1) }}
{{- end }}
{{- define "millrace.followerName" -}}{{ include "millrace.nameOf" (list . "follower") }}{{- end }}
{{- define "millrace.learnerName" -}}{{ include "millrace.nameOf" (list . "learner") }}{{- end }}
{{- define "millrace.redisName" -}}{{ include "millrace.nameOf" (list . "redis") }}{{- end }}
{{- define "millrace.clusterSecret" -}}{{ include "millrace.nameOf" (list . "cluster") }}{{- end }}

{{/* Of the pods that `replicas` and the autoscalers count. */}}
{{- define "millrace.scaledName" -}}
{{- if include "millrace.hasFollowers" . }}{{ include "millrace.followerName" . }}{{ else }}{{ include "millrace.fullname" . }}{{ end }}
{{- end }}

{{- define "millrace.labelsOf" -}}
app.kubernetes.io/name: {{ include "millrace.name" (index . 0) }}
app.kubernetes.io/instance: {{ (index . 0).Release.Name }}
app.kubernetes.io/component: {{ index . 1 }}
{{- end }}

{{- define "millrace.learnerServiceAccountName" -}}
{{- $account := .Values.learner.serviceAccount }}
{{- default (ternary (include "millrace.learnerName" .) "default" $account.create) $account.name }}
{{- end }}

{{- define "millrace.filesPort" -}}8082{{- end }}
{{- define "millrace.adaptersDir" -}}{{ include "millrace.learningDir" . }}/adapters{{- end }}

{{/* At most 64 characters, and nobody else's. */}}
{{- define "millrace.clusterName" -}}
{{- $name := printf "%s.%s" .Release.Namespace (include "millrace.fullname" .) }}
{{- if gt (len $name) 64 }}{{ printf "%s-%s" (trunc 51 $name) (sha256sum $name | trunc 12) }}{{ else }}{{ $name }}{{ end }}
{{- end }}

{{/* The same for all servers; what differs between learner and followers, and what is secret, are variables. */}}
{{- define "millrace.clusterConfig" -}}
name: {{ .Values.redis.name | default (include "millrace.clusterName" .) | quote }}
{{- if include "millrace.hasFollowers" . }}
{{- with .Values.versions }}
versions: {{ .travel }}
{{- if eq .travel "http" }}
filesHost: {{ $.Values.listenAddress | quote }}
filesPort: {{ include "millrace.filesPort" $ }}
filesUrl: http://{{ include "millrace.learnerName" $ }}:{{ include "millrace.filesPort" $ }}
{{- else if eq .travel "s3" }}
s3Endpoint: {{ .s3.endpoint }}
s3Bucket: {{ .s3.bucket }}
s3Region: {{ .s3.region }}
{{- end }}
{{- end }}
{{- end }}
{{- end }}

{{/* Folder of adapters that all servers have mounted. */}}
{{- define "millrace.hasSharedAdapters" -}}
{{- if and (include "millrace.hasFollowers" .) (eq .Values.versions.travel "volume") }}true{{ end }}
{{- end }}

{{/* A variable out of a Secret. Call with (list name secret entry). */}}
{{- define "millrace.variable" -}}
- name: {{ index . 0 }}
  valueFrom: { secretKeyRef: { name: {{ index . 1 }}, key: {{ index . 2 }} } }
{{- end }}

{{/* Call with (list root role). */}}
{{- define "millrace.clusterEnv" -}}
{{- $root := index . 0 }}
{{- $own := include "millrace.clusterSecret" $root }}
{{- $redis := $root.Values.redis }}
{{ include "millrace.variable" (list "MILLRACE_CLUSTER_REDIS_URL" ($redis.existingSecret | default $own) (ternary $redis.entry "url" (ne $redis.existingSecret ""))) }}
- { name: MILLRACE_CLUSTER_ROLE, value: {{ index . 1 }} }
{{- if include "millrace.hasFollowers" $root }}
{{- with $root.Values.versions }}
{{- if eq .travel "http" }}
{{ include "millrace.variable" (list "MILLRACE_CLUSTER_TOKEN" (.token.existingSecret | default $own) (ternary .token.entry "token" (ne .token.existingSecret ""))) }}
{{- else if eq .travel "s3" }}
{{ include "millrace.variable" (list "MILLRACE_CLUSTER_S3_ACCESS_KEY_ID" .s3.existingSecret .s3.accessKeyEntry) }}
{{ include "millrace.variable" (list "MILLRACE_CLUSTER_S3_SECRET_ACCESS_KEY" .s3.existingSecret .s3.secretKeyEntry) }}
{{- end }}
{{- end }}
{{- end }}
{{- end }}

{{/* Where the learner has resources of its own, the threads of the configuration file are not its. */}}
{{- define "millrace.learnerThreads" -}}
{{- $cores := int (include "millrace.cores" .Values.learner.resources) }}
{{- if and .Values.learner.resources $cores }}
{{- if not (dig "engine" "threads" 0 .Values.config) }}
- { name: MILLRACE_ENGINE_THREADS, value: {{ $cores | quote }} }
{{- end }}
{{- if not (dig "learning" "threads" 0 .Values.config) }}
- { name: MILLRACE_LEARNING_THREADS, value: {{ max 1 (div $cores 4) | quote }} }
{{- end }}
{{- end }}
{{- end }}

{{/* What is in our Secret already, or something random; nothing is found where the chart is rendered only. Call with (list root entry). */}}
{{- define "millrace.keptSecret" -}}
{{- $root := index . 0 }}
{{- $there := lookup "v1" "Secret" $root.Release.Namespace (include "millrace.clusterSecret" $root) }}
{{- $kept := dig "data" (index . 1) "" ($there | default dict) }}
{{- if $kept }}{{ $kept | b64dec }}{{ else }}{{ randAlphaNum 40 }}{{ end }}
{{- end }}
