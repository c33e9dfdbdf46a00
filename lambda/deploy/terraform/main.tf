# SPDX-License-Identifier: Apache-2.0
#
# The function, for a team that describes its account in Terraform. The addresses of the log group,
# the function and the first two alarms are those of a usual module for Lambda functions (lambda,
# this, errors[0], duration[0]), so that Terraform changes a function that exists instead of
# replacing it. docs/migration.md has the steps, and example/ a call of the module.

locals {
  function_name = coalesce(var.function_name, "${var.environment}-sentiment-analysis")
  topic_name    = element(split(":", var.topic_arn), 5)
  dlq_name      = element(split(":", var.dlq_arn), 5)
  tags          = merge(var.tags, { Feature = var.feature })
}

resource "aws_cloudwatch_log_group" "lambda" {
  # checkov:skip=CKV_AWS_158: The log never has a text in it, and AWS encrypts it with its own key.
  name = "/aws/lambda/${local.function_name}"
  retention_in_days = coalesce(
    var.log_retention_days, var.environment == "prod" ? 90 : 30
  )
  tags = local.tags
}

resource "aws_lambda_function" "this" {
  # checkov:skip=CKV_AWS_173: The variables hold no secret, and AWS encrypts them with its own key.
  # checkov:skip=CKV_AWS_272: Lambda verifies signatures of packages only; cosign verifies images.
  function_name                  = local.function_name
  description                    = "DistilBERT text classification from a container image"
  role                           = var.iam_role_arn
  package_type                   = "Image"
  image_uri                      = "${var.image_repository_url}@${var.image_digest}"
  architectures                  = ["x86_64"]
  memory_size                    = var.memory_size
  timeout                        = var.timeout
  reserved_concurrent_executions = var.reserved_concurrency
  publish                        = true

  environment {
    variables = merge(var.environment_variables, {
      DATABASE_TABLE = var.table_name
      ENVIRONMENT    = var.environment
      MODEL_VERSION  = var.model_version
    })
  }

  dead_letter_config {
    target_arn = var.dlq_arn
  }

  tracing_config {
    mode = var.tracing_mode
  }

  ephemeral_storage {
    size = var.ephemeral_storage_size
  }

  dynamic "vpc_config" {
    for_each = var.vpc_config == null ? [] : [var.vpc_config]
    content {
      subnet_ids         = vpc_config.value.subnet_ids
      security_group_ids = vpc_config.value.security_group_ids
    }
  }

  depends_on = [aws_cloudwatch_log_group.lambda]
  tags       = local.tags
}

# The topic sends events here that it could not hand to the function. The subscription belongs to
# the caller, who gives it the output redrive_policy.
resource "aws_sqs_queue" "undelivered" {
  name                       = "${local.function_name}-undelivered"
  message_retention_seconds  = 1209600
  visibility_timeout_seconds = 300
  sqs_managed_sse_enabled    = true
  tags                       = local.tags
}

resource "aws_sqs_queue_policy" "undelivered" {
  queue_url = aws_sqs_queue.undelivered.id
  policy = jsonencode({
    Version = "2012-10-17"
    Statement = [{
      Sid       = "TopicKeepsEvents"
      Effect    = "Allow"
      Principal = { Service = "sns.amazonaws.com" }
      Action    = "sqs:SendMessage"
      Resource  = aws_sqs_queue.undelivered.arn
      Condition = { ArnEquals = { "aws:SourceArn" = var.topic_arn } }
    }]
  })
}

# ---- budgets ----

locals {
  budgets = var.monthly_budget_limit == null ? {} : {
    monthly = {
      unit    = "MONTHLY", dollars = var.monthly_budget_limit
      notices = { 20 = "ABSOLUTE_VALUE", 80 = "PERCENTAGE", 100 = "PERCENTAGE" }
    }
    daily = {
      unit    = "DAILY", dollars = var.daily_budget_limit
      notices = { 100 = "PERCENTAGE" }
    }
  }
}

resource "aws_budgets_budget" "this" {
  for_each     = local.budgets
  name         = "${local.function_name}-${each.key}"
  budget_type  = "COST"
  time_unit    = each.value.unit
  limit_amount = each.value.dollars
  limit_unit   = "USD"

  cost_filter {
    name   = "TagKeyValue"
    values = [join("$", ["user:Feature", var.feature])]
  }

  dynamic "notification" {
    for_each = each.value.notices
    content {
      notification_type         = "ACTUAL"
      comparison_operator       = "GREATER_THAN"
      threshold                 = notification.key
      threshold_type            = notification.value
      subscriber_sns_topic_arns = [var.budget_topic_arn]
    }
  }

  lifecycle {
    precondition {
      condition     = var.budget_topic_arn != null
      error_message = "Notices of a budget need budget_topic_arn."
    }
  }
}
