# SPDX-License-Identifier: Apache-2.0
#
# The alarms. tests/deploy/terraform.py compares them with tests/deploy/expected.py, with which the
# CloudFormation template is compared, too. docs/deploy.md says what each alarm means.

locals {
  ours         = { namespace = "SentimentAnalyzer", dimensions = { Environment = var.environment } }
  lambda       = { namespace = "AWS/Lambda", dimensions = { FunctionName = local.function_name } }
  topic        = { namespace = "AWS/SNS", dimensions = { TopicName = local.topic_name } }
  dead_letters = { namespace = "AWS/SQS", dimensions = { QueueName = local.dlq_name } }
  undelivered = {
    namespace = "AWS/SQS", dimensions = { QueueName = aws_sqs_queue.undelivered.name }
  }

  own_alarms = {
    latency-p95 = {
      of         = local.ours, metric = "InferenceLatencyMs"
      statistic  = "p95"
      period     = 60, periods = 5, breaching = 3
      comparison = "GreaterThanThreshold"
      threshold  = 500
      severity   = 3, runbook = "cold-starts"
    }
    analysis-errors = {
      of         = local.ours, metric = "AnalysisErrors"
      statistic  = "Sum"
      period     = 60, periods = 1, breaching = 1
      comparison = "GreaterThanThreshold"
      threshold  = 0
      severity   = 2, runbook = "dlq-redrive"
    }
    model-load-errors = {
      of         = local.ours, metric = "ModelLoadErrors"
      statistic  = "Sum"
      period     = 60, periods = 1, breaching = 1
      comparison = "GreaterThanThreshold"
      threshold  = 0
      severity   = 1, runbook = "rollback"
    }
    duplicates = {
      of         = local.ours, metric = "DuplicateAnalysisSkipped"
      statistic  = "Sum"
      period     = 300, periods = 1, breaching = 1
      comparison = "GreaterThanThreshold"
      threshold  = 10
      severity   = 3, runbook = "README"
    }
    items-missing = {
      of         = local.ours, metric = "ItemsMissing"
      statistic  = "Sum"
      period     = 300, periods = 1, breaching = 1
      comparison = "GreaterThanThreshold"
      threshold  = 10
      severity   = 2, runbook = "dlq-redrive"
    }
    drift-neutral = {
      of         = local.ours, metric = "NeutralSharePercent"
      statistic  = "Average"
      period     = 3600, periods = 3, breaching = 3
      comparison = "GreaterThanThreshold"
      threshold  = 30
      severity   = 3, runbook = "rollback"
    }
    drift-confidence = {
      of         = local.ours, metric = "ConfidenceP50"
      statistic  = "Average"
      period     = 3600, periods = 3, breaching = 3
      comparison = "LessThanThreshold"
      threshold  = 0.7
      severity   = 3, runbook = "rollback"
    }
    function-errors = {
      of         = local.lambda, metric = "Errors"
      statistic  = "Sum"
      period     = 60, periods = 1, breaching = 1
      comparison = "GreaterThanThreshold"
      threshold  = 0
      severity   = 2, runbook = "image-pull-failure"
    }
    throttles = {
      of         = local.lambda, metric = "Throttles"
      statistic  = "Sum"
      period     = 300, periods = 3, breaching = 3
      comparison = "GreaterThanThreshold"
      threshold  = 0
      severity   = 3, runbook = "cost-alarm"
    }
    dead-letters = {
      of         = local.dead_letters, metric = "ApproximateNumberOfMessagesVisible"
      statistic  = "Maximum"
      period     = 60, periods = 1, breaching = 1
      comparison = "GreaterThanThreshold"
      threshold  = 0
      severity   = 2, runbook = "dlq-redrive"
    }
    dead-letter-errors = {
      of         = local.lambda, metric = "DeadLetterErrors"
      statistic  = "Sum"
      period     = 60, periods = 1, breaching = 1
      comparison = "GreaterThanThreshold"
      threshold  = 0
      severity   = 1, runbook = "dlq-redrive"
    }
    cold-start-p95 = {
      of         = local.ours, metric = "ModelLoadTimeMs"
      statistic  = "p95"
      period     = 300, periods = 1, breaching = 1
      comparison = "GreaterThanThreshold"
      threshold  = 10000
      severity   = 3, runbook = "cold-starts"
    }
    undelivered = {
      of         = local.undelivered, metric = "ApproximateNumberOfMessagesVisible"
      statistic  = "Maximum"
      period     = 60, periods = 1, breaching = 1
      comparison = "GreaterThanThreshold"
      threshold  = 0
      severity   = 2, runbook = "dlq-redrive"
    }
    dead-letter-age = {
      of         = local.dead_letters, metric = "ApproximateAgeOfOldestMessage"
      statistic  = "Maximum"
      period     = 300, periods = 1, breaching = 1
      comparison = "GreaterThanThreshold"
      threshold  = 86400
      severity   = 3, runbook = "dlq-redrive"
    }
  }

  # A monitoring module of the account may watch these for the function that is replaced.
  shared_alarms = {
    duration-p95 = {
      of         = local.lambda, metric = "Duration"
      statistic  = "p95"
      period     = 300, periods = 3, breaching = 3
      comparison = "GreaterThanThreshold"
      threshold  = 25000
      severity   = 2, runbook = "cold-starts"
    }
    errors-5-minutes = {
      of         = local.lambda, metric = "Errors"
      statistic  = "Sum"
      period     = 300, periods = 1, breaching = 1
      comparison = "GreaterThanThreshold"
      threshold  = 3
      severity   = 2, runbook = "image-pull-failure"
    }
    sns-delivery-failures = {
      of         = local.topic, metric = "NumberOfNotificationsFailed"
      statistic  = "Sum"
      period     = 300, periods = 1, breaching = 1
      comparison = "GreaterThanThreshold"
      threshold  = 5
      severity   = 1, runbook = "dlq-redrive"
    }
    dead-letters-many = {
      of         = local.dead_letters, metric = "ApproximateNumberOfMessagesVisible"
      statistic  = "Maximum"
      period     = 300, periods = 1, breaching = 1
      comparison = "GreaterThanThreshold"
      threshold  = 100
      severity   = 1, runbook = "dlq-redrive"
    }
  }
}

resource "aws_cloudwatch_metric_alarm" "this" {
  for_each = merge(local.own_alarms, var.create_shared_alarms ? local.shared_alarms : {})

  alarm_name          = "${local.function_name}-${each.key}"
  alarm_description   = "SEV${each.value.severity}, runbook ${each.value.runbook}"
  namespace           = each.value.of.namespace
  metric_name         = each.value.metric
  dimensions          = each.value.of.dimensions
  statistic           = startswith(each.value.statistic, "p") ? null : each.value.statistic
  extended_statistic  = startswith(each.value.statistic, "p") ? each.value.statistic : null
  period              = each.value.period
  evaluation_periods  = each.value.periods
  datapoints_to_alarm = each.value.breaching
  comparison_operator = each.value.comparison
  threshold           = each.value.threshold
  treat_missing_data  = "notBreaching"
  alarm_actions       = var.alarm_actions
  ok_actions          = var.alarm_actions
  tags                = local.tags
}

# These two have the names and thresholds of the function's alarms before the swap. They see errors
# and slow invocations of whatever image runs, so dashboards and on-call rules keep working.
resource "aws_cloudwatch_metric_alarm" "errors" {
  count = 1

  alarm_name          = "${local.function_name}-errors"
  alarm_description   = "SEV2, runbook image-pull-failure"
  namespace           = "AWS/Lambda"
  metric_name         = "Errors"
  dimensions          = { FunctionName = local.function_name }
  statistic           = "Sum"
  period              = 300
  evaluation_periods  = 2
  comparison_operator = "GreaterThanThreshold"
  threshold           = 5
  treat_missing_data  = "notBreaching"
  alarm_actions       = var.alarm_actions
  ok_actions          = var.alarm_actions
  tags                = local.tags
}

resource "aws_cloudwatch_metric_alarm" "duration" {
  count = 1

  alarm_name          = "${local.function_name}-duration"
  alarm_description   = "SEV2, runbook cold-starts"
  namespace           = "AWS/Lambda"
  metric_name         = "Duration"
  dimensions          = { FunctionName = local.function_name }
  extended_statistic  = "p90"
  period              = 300
  evaluation_periods  = 2
  comparison_operator = "GreaterThanThreshold"
  threshold           = 5000
  treat_missing_data  = "notBreaching"
  alarm_actions       = var.alarm_actions
  ok_actions          = var.alarm_actions
  tags                = local.tags
}

# ---- alarms on expressions ----

resource "aws_cloudwatch_metric_alarm" "drift_positive" {
  alarm_name          = "${local.function_name}-drift-positive"
  alarm_description   = "SEV3, runbook rollback"
  evaluation_periods  = 3
  comparison_operator = "GreaterThanThreshold"
  threshold           = 35
  treat_missing_data  = "notBreaching"
  alarm_actions       = var.alarm_actions
  ok_actions          = var.alarm_actions
  tags                = local.tags

  metric_query {
    id = "positive"
    metric {
      namespace   = local.ours.namespace
      metric_name = "PositiveSharePercent"
      dimensions  = local.ours.dimensions
      stat        = "Average"
      period      = 3600
    }
  }

  metric_query {
    id          = "distance"
    label       = "points from the usual share"
    expression  = "ABS(positive - 50)"
    return_data = true
  }
}

resource "aws_cloudwatch_metric_alarm" "nothing_analyzed" {
  alarm_name          = "${local.function_name}-nothing-analyzed"
  alarm_description   = "SEV1, runbook dlq-redrive"
  evaluation_periods  = 1
  comparison_operator = "GreaterThanThreshold"
  threshold           = 0
  treat_missing_data  = "notBreaching"
  alarm_actions       = var.alarm_actions
  ok_actions          = var.alarm_actions
  tags                = local.tags

  metric_query {
    id = "analyzed"
    metric {
      namespace   = local.ours.namespace
      metric_name = "ItemsAnalyzed"
      dimensions  = local.ours.dimensions
      stat        = "Sum"
      period      = 3600
    }
  }

  metric_query {
    id = "arrived"
    metric {
      namespace   = local.topic.namespace
      metric_name = "NumberOfMessagesPublished"
      dimensions  = local.topic.dimensions
      stat        = "Sum"
      period      = 3600
    }
  }

  metric_query {
    id          = "silent"
    label       = "events arrive and nothing is analysed"
    expression  = "IF(FILL(arrived, 0) > 0 AND FILL(analyzed, 0) == 0, 1, 0)"
    return_data = true
  }
}
