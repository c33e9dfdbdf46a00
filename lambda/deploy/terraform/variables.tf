# SPDX-License-Identifier: Apache-2.0

# ---- what runs ----

variable "environment" {
  description = "Name of the environment: the function's ENVIRONMENT, the dimension of its metrics"
  type        = string
}

variable "function_name" {
  description = "Name of the function; if null, ENVIRONMENT-sentiment-analysis"
  type        = string
  default     = null
}

variable "image_repository_url" {
  description = "Address of the repository, without tag and digest"
  type        = string
}

variable "image_digest" {
  description = "Digest of the image: a tag can come to mean another image, a digest cannot"
  type        = string

  validation {
    condition     = can(regex("^sha256:[0-9a-f]{64}$", var.image_digest))
    error_message = "Give the digest as sha256: and 64 hexadecimal digits."
  }
}

variable "model_version" {
  description = "Version of the model in answers and items"
  type        = string

  validation {
    condition     = can(regex("^(v\\d+\\.\\d+\\.\\d+|[0-9a-fA-F]{7})$", var.model_version))
    error_message = "Give a version such as v1.0.0, or the first 7 digits of a commit."
  }
}

# ---- what is there already ----

variable "iam_role_arn" {
  description = "Role of the function; lambda/deploy/policy.json has what it must allow"
  type        = string
}

variable "table_name" {
  description = "DynamoDB table of the items, with the key source_id, timestamp (both strings)"
  type        = string
}

variable "topic_arn" {
  description = "Topic that invokes the function"
  type        = string
}

variable "dlq_arn" {
  description = "Queue for events that failed three times"
  type        = string
}

variable "alarm_actions" {
  description = "ARNs that are notified when an alarm begins and when it ends"
  type        = list(string)
  default     = []
}

variable "create_shared_alarms" {
  description = "Also create four alarms that a monitoring module may have already"
  type        = bool
  default     = false
}

# ---- how it runs ----

variable "memory_size" {
  description = "Memory in MB; Lambda gives processor time in proportion"
  type        = number
  default     = 1024
}

variable "timeout" {
  description = "Seconds after which an invocation is ended"
  type        = number
  default     = 30
}

variable "reserved_concurrency" {
  description = "Maximum of simultaneous invocations; null sets no limit"
  type        = number
  default     = 5
}

variable "ephemeral_storage_size" {
  description = "Size of /tmp in MB; the function does not use it"
  type        = number
  default     = 512
}

variable "log_retention_days" {
  description = "How many days log lines are kept; if null, 90 in prod, otherwise 30"
  type        = number
  default     = null
}

variable "tracing_mode" {
  description = "Active sends traces to X-Ray, for which the role needs AWSXRayDaemonWriteAccess"
  type        = string
  default     = "PassThrough"

  validation {
    condition     = contains(["Active", "PassThrough"], var.tracing_mode)
    error_message = "Tracing is Active or PassThrough."
  }
}

variable "vpc_config" {
  description = "Subnets and security groups of a function in a VPC; null outside of one"
  type = object({
    subnet_ids         = list(string)
    security_group_ids = list(string)
  })
  default = null
}

variable "environment_variables" {
  description = "Further variables of the function; docs/lambda.md lists them"
  type        = map(string)
  default     = {}
}

# ---- cost ----

variable "monthly_budget_limit" {
  description = "US dollars in a month for what has the tag Feature; null creates no budgets"
  type        = number
  default     = null
}

variable "daily_budget_limit" {
  description = "US dollars in a day for the same"
  type        = number
  default     = 10
}

variable "budget_topic_arn" {
  description = "Topic for notices of the budgets; AWS Budgets must be allowed to publish to it"
  type        = string
  default     = null
}

variable "feature" {
  description = "Value of the tag Feature, by which the budgets filter"
  type        = string
  default     = "sentiment-analyzer"
}

variable "tags" {
  description = "Further tags of every resource"
  type        = map(string)
  default     = {}
}
