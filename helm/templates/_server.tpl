{{/* The StatefulSet of servers of one role: alone, learner or follower. Call with (list root role).

     A StatefulSet, not a Deployment, for two reasons. There is never a second pod of one name, so that two servers never have a
     learning volume at once: the trainer's lock names a process, which means nothing to another pod. And a pod that comes back
     finds the models that it had imported, and the rows that it had acknowledged. The trainer is a child process of the server,
     in the same container. */}}
{{- define "millrace.server" -}}
{{- $role := index . 1 }}
{{- with index . 0 }}
{{- $isFollower := eq $role "follower" }}
{{- $isLearner := eq $role "learner" }}
{{- $name := ternary (include "millrace.followerName" .) (include "millrace.fullname" .) $isFollower }}
{{- $selector := ternary (include "millrace.labelsOf" (list . "follower")) (include "millrace.selector" .) $isFollower }}
{{- $learns := include "millrace.learns" . }}
{{- $own := ternary .Values.learner dict $isLearner }}
{{- $resources := $own.resources | default .Values.resources }}
{{- $models := .Values.storage.models }}
{{- $imports := include "millrace.imports" . | fromYamlArray }}
{{- $isShared := and $isFollower (eq .Values.versions.travel "volume") }}
{{- $claimOfModels := ternary "" $models.existingClaim (and $isFollower (not $isShared)) }}
{{- $mounts := include "millrace.mounts" (list . (or $models.readOnly $isShared)) }}
{{- $values := .Values }}
apiVersion: apps/v1
kind: StatefulSet
metadata:
  name: {{ $name }}
  labels:
    {{- include "millrace.labels" . | nindent 4 }}
    app.kubernetes.io/component: {{ ternary "follower" "server" $isFollower }}
spec:
  {{- if $isLearner }}
  replicas: 1
  updateStrategy: { type: {{ .Values.learner.updateStrategy }} }
  {{- else if not (or .Values.autoscaling.enabled .Values.keda.enabled) }}
  replicas: {{ .Values.replicas }}
  {{- end }}
  serviceName: {{ $name }}-pods
  podManagementPolicy: Parallel
  # What consolidations have made lies with the models, what was acknowledged with the state; without learning models can be
  # imported again.
  persistentVolumeClaimRetentionPolicy: { whenDeleted: Retain, whenScaled: {{ ternary "Retain" "Delete" (eq $learns "true") }} }
  selector:
    matchLabels:
      {{- $selector | nindent 6 }}
  template:
    metadata:
      annotations:
        checksum/config: {{ include (print .Template.BasePath "/config.yaml") . | sha256sum }}
        {{- if include "millrace.hasRedis" . }}
        checksum/redis: {{ pick .Values.redis "existingSecret" "entry" "url" | toJson | sha256sum }}
        {{- end }}
        {{- with .Values.podAnnotations }}
        {{- toYaml . | nindent 8 }}
        {{- end }}
      labels:
        {{- with .Values.podLabels }}
        {{- toYaml . | nindent 8 }}
        {{- end }}
        {{- include "millrace.labels" . | nindent 8 }}
        app.kubernetes.io/component: {{ ternary "follower" "server" $isFollower }}
        {{- if or (not $isLearner) .Values.learner.serves }}
        serves: public
        {{- end }}
    spec:
      serviceAccountName: {{ ternary (include "millrace.learnerServiceAccountName" .) (include "millrace.serviceAccountName" .) $isLearner }}
      automountServiceAccountToken: false
      # Their variables begin with MILLRACE_ too, and the server refuses those that it does not know.
      enableServiceLinks: false
      terminationGracePeriodSeconds: {{ include "millrace.grace" . }}
      securityContext:
        {{- toYaml .Values.podSecurityContext | nindent 8 }}
      {{- with .Values.imagePullSecrets }}
      imagePullSecrets:
        {{- toYaml . | nindent 8 }}
      {{- end }}
      {{- range $field := list "runtimeClassName" "priorityClassName" }}
      {{- with index $values $field }}
      {{ $field }}: {{ . }}
      {{- end }}
      {{- end }}
      {{- range $field := list "nodeSelector" "tolerations" "affinity" }}
      {{- with index $own $field | default (index $values $field) }}
      {{ $field }}:
        {{- toYaml . | nindent 8 }}
      {{- end }}
      {{- end }}
      {{- with .Values.topologySpread }}
      topologySpreadConstraints:
        {{- range . }}
        - {{- toYaml . | nindent 10 }}
          labelSelector:
            matchLabels:
              {{- $selector | nindent 14 }}
        {{- end }}
      {{- end }}
      {{- if and $imports .Values.import.enabled (not $models.readOnly) }}
      initContainers:
        - name: import
          image: {{ include "millrace.image" . }}
          imagePullPolicy: {{ .Values.image.pullPolicy }}
          command: [tini, --, sh, /etc/millrace/import.sh, {{ include "millrace.modelsDir" . }}]
          args:
            {{- if $isShared }}
            - --wait
            {{- end }}
            {{- toYaml $imports | nindent 12 }}
          env:
            {{- include "millrace.env" . | nindent 12 }}
          securityContext:
            {{- toYaml .Values.securityContext | nindent 12 }}
          resources:
            {{- toYaml $resources | nindent 12 }}
          volumeMounts:
            {{- $mounts | nindent 12 }}
      {{- end }}
      containers:
        - name: server
          image: {{ include "millrace.image" . }}
          imagePullPolicy: {{ .Values.image.pullPolicy }}
          args: [serve]
          env:
            {{- include "millrace.env" . | nindent 12 }}
            {{- with .Values.auth }}
            {{- if .existingSecret }}
            {{- include "millrace.variable" (list "MILLRACE_AUTH_KEYS" .existingSecret .entry) | nindent 12 }}
            {{- end }}
            {{- end }}
            {{- if include "millrace.hasRedis" . }}
            {{- include "millrace.clusterEnv" (list . (ternary "learner" "follower" $isLearner)) | nindent 12 }}
            {{- end }}
            {{- if $isLearner }}
            {{- with include "millrace.learnerThreads" . }}
            {{- . | nindent 12 }}
            {{- end }}
            {{- end }}
          ports:
            - { name: api, containerPort: 8080 }
            {{- if and $isLearner (eq .Values.versions.travel "http") }}
            - { name: files, containerPort: {{ include "millrace.filesPort" . }} }
            {{- end }}
            {{- if .Values.admin.expose }}
            - { name: admin, containerPort: 8081 }
            {{- end }}
          {{- range $probe := list "startup" "readiness" "liveness" }}
          {{ $probe }}Probe:
            httpGet: { path: {{ get (dict "startup" "/health/startup" "readiness" "/health/ready" "liveness" "/health/live") $probe }}, port: api }
            {{- toYaml (get (index $values "probes") $probe) | nindent 12 }}
          {{- end }}
          lifecycle:
            preStop:
              exec: { command: [node, /etc/millrace/drain.mjs, {{ .Values.drain.preStopSeconds | quote }}] }
          securityContext:
            {{- toYaml .Values.securityContext | nindent 12 }}
          resources:
            {{- toYaml $resources | nindent 12 }}
          volumeMounts:
            {{- $mounts | nindent 12 }}
            {{- if $learns }}
            - { name: {{ ternary "state" "learning" $isFollower }}, mountPath: {{ include "millrace.learningDir" . }} }
            {{- end }}
            {{- if include "millrace.hasSharedAdapters" . }}
            - { name: adapters, mountPath: {{ include "millrace.adaptersDir" . }}, readOnly: {{ $isFollower }} }
            {{- end }}
            {{- if .Values.auth.adminKey.existingSecret }}
            - { name: admin-key, mountPath: /run/secrets/millrace-admin, readOnly: true }
            {{- end }}
      volumes:
        - name: config
          configMap: { name: {{ include "millrace.fullname" . }} }
        - name: tmp
          emptyDir: { sizeLimit: {{ .Values.storage.tmpSize }} }
        {{- if and $learns (not $isFollower) }}
        - name: learning
          persistentVolumeClaim: { claimName: {{ .Values.storage.learning.existingClaim | default (printf "%s-learning" (include "millrace.fullname" .)) }} }
        {{- end }}
        {{- if include "millrace.hasSharedAdapters" . }}
        - name: adapters
          persistentVolumeClaim: { claimName: {{ .Values.versions.volume.existingClaim | default (include "millrace.nameOf" (list . "adapters")) }}, readOnly: {{ $isFollower }} }
        {{- end }}
        {{- if $claimOfModels }}
        - name: models
          persistentVolumeClaim: { claimName: {{ $claimOfModels }}, readOnly: {{ or $models.readOnly $isShared }} }
        {{- else if not $models.enabled }}
        - name: models
          emptyDir: { sizeLimit: {{ $models.size }} }
        {{- end }}
        {{- if .Values.auth.adminKey.existingSecret }}
        {{- include "millrace.keyVolume" (list "admin-key" .Values.auth.adminKey) | nindent 8 }}
        {{- end }}
        {{- with .Values.extraVolumes }}
        {{- toYaml . | nindent 8 }}
        {{- end }}
  {{- $isClaimed := and $models.enabled (not $claimOfModels) }}
  {{- if or $isClaimed $isFollower }}
  # Cannot be changed later, which is why the learning volume, which comes and goes with learning.mode, is a claim of its own.
  volumeClaimTemplates:
    {{- if $isClaimed }}
    - metadata:
        name: models
        labels:
          {{- $selector | nindent 10 }}
      spec:
        {{- include "millrace.claim" $models | nindent 8 }}
    {{- end }}
    {{- if $isFollower }}
    - metadata:
        name: state
        labels:
          {{- $selector | nindent 10 }}
      spec:
        {{- include "millrace.claim" .Values.storage.state | nindent 8 }}
    {{- end }}
  {{- end }}
{{- end }}
{{- end }}
