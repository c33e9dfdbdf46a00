# SPDX-License-Identifier: Apache-2.0
#
# The module in the place of another module for functions, inside a configuration that has role,
# table, topic, dead-letter queue, repository and monitoring already. Copy this file beside main.tf,
# copy the module to modules/distil, and delete the old block of the module and of the subscription.
# The names of the blocks stay, so Terraform changes the function and replaces nothing.

variable "analysis_image_digest" {
  description = "Digest of the image, as skopeo inspect prints it"
  type        = string
}

module "analysis_lambda" {
  source = "./modules/distil"

  environment          = var.environment
  image_repository_url = module.ecr_analysis.repository_url
  image_digest         = var.analysis_image_digest
  model_version        = var.model_version
  iam_role_arn         = module.iam.analysis_lambda_role_arn
  table_name           = module.dynamodb.table_name
  topic_arn            = module.sns.topic_arn
  dlq_arn              = module.sns.dlq_arn
  alarm_actions        = [module.monitoring.alarm_topic_arn]
  feature              = "001-interactive-dashboard-demo"

  # The monitoring module watches errors, latency, deliveries and dead letters by name already, and
  # has a budget of its own.
  create_shared_alarms = false
  monthly_budget_limit = null

  depends_on = [module.iam, module.ecr_analysis]
}

resource "aws_sns_topic_subscription" "analysis" {
  topic_arn      = module.sns.topic_arn
  protocol       = "lambda"
  endpoint       = module.analysis_lambda.function_arn
  redrive_policy = module.analysis_lambda.redrive_policy
}
